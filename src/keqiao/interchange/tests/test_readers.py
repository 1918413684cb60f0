"""Files of every format and of no good: what they are is decided by their content, and nothing unsafe is parsed."""

import datetime as dt
import io
import json
import struct
import tracemalloc
import zipfile

import openpyxl
import pytest

from keqiao.interchange import readers
from keqiao.interchange.readers import workbook
from keqiao.interchange.tests.factories import csv_file, jsonl_file, row, xlsx_file
from keqiao.interchange.tests.old_workbook import Formula, old_workbook
from keqiao.interchange.types import UnreadableFile

HEADER = ["甲", "乙"]
ROWS = [["膜，一", "二\n行"], ["=1", "-5"]]


def named(cells, header=HEADER):
    return dict(zip(header, cells, strict=True))


def look(tmp_path, data, name="file"):
    path = tmp_path / "stored"  # as in the data folder: without an ending
    path.write_bytes(data)
    return readers.look_at(path, name)


def read(tmp_path, data, name="file"):
    source = look(tmp_path, data, name)
    return readers.header_of(source), [(found.number, found.cells) for found in readers.rows_of(source)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_every_encoding_and_delimiter(tmp_path, encoding, delimiter):
    data = csv_file(*ROWS, header=HEADER, encoding=encoding, delimiter=delimiter)
    source = look(tmp_path, data)
    assert (source.format, source.delimiter) == ("csv", delimiter)
    assert source.encoding == encoding
    assert read(tmp_path, data) == (HEADER, [(2, named(ROWS[0])), (3, named(ROWS[1]))])


def test_an_encoding_is_decided_by_the_whole_file(tmp_path):
    """The first megabyte would pass for UTF-8."""
    data = b"a,b\r\n" + b"x,y\r\n" * 200_000 + "耐酸纳滤膜,水通量\r\n".encode("gb18030")
    assert look(tmp_path, data).encoding == "gb18030"
    with pytest.raises(UnreadableFile, match="文字编码不能识别"):
        look(tmp_path, b"a,b\r\n\xff\xff\xff\xff")


def test_a_workbook(tmp_path):
    data = xlsx_file(
        ["膜", 6.0, 6.5, dt.date(2026, 3, 1), True, None, "=1+1"],
        [None] * 7,
        ["二"],
        header=list("甲乙丙丁戊己庚"),
    )
    header, rows = read(tmp_path, data)
    assert header == list("甲乙丙丁戊己庚")
    assert rows[0] == (2, named(["膜", "6", "6.5", "2026-03-01", "是", "", ""], "甲乙丙丁戊己庚"))
    assert [number for number, _cells in rows] == [2, 4]


def test_an_old_workbook(tmp_path):
    """The hidden sheet is not read; a long table of texts goes on in further records."""
    cells = [
        "膜，一", 6, 6.5, -5, dt.date(2026, 3, 1), dt.datetime.fromisoformat("2026-03-01T08:30"), True, False, None, "#REF!", Formula(2),
    ]  # fmt: skip
    header = [f"列{n}" for n in range(len(cells))]
    more = [[f"第{n}行的文字" * 30] for n in range(200)]
    source = look(tmp_path, old_workbook([header, cells, [None], *more], hidden=True), "表.csv")
    assert source.format == "xls"
    assert readers.header_of(source) == header
    first, *rest = readers.rows_of(source)
    assert (first.number, list(first.cells.values())) == (
        2,
        ["膜，一", "6", "6.5", "-5", "2026-03-01", "2026-03-01 08:30", "是", "否", "", "#REF!", "2"],
    )
    assert [(found.number, found.cells) for found in rest] == [(n + 4, {"列0": row[0]}) for n, row in enumerate(more)]


def test_json_lines(tmp_path):
    data = jsonl_file({"title": "膜", "trl": 6, "ok": True}, {"title": None, "words": ["a", "b"]}) + b'\n{"broken\n[1]'
    header, rows = read(tmp_path, data, "x.jsonl")
    assert header == ["title", "trl", "ok", "words"]
    assert rows[0] == (1, {"title": "膜", "trl": "6", "ok": "是"})
    assert rows[1] == (2, {"title": "", "words": ["a", "b"]})
    assert [cells for _number, cells in rows[2:]] == [{"\x00broken": True}] * 2


def test_names_lie_and_content_decides(tmp_path):
    assert look(tmp_path, xlsx_file(header=HEADER), "表.csv").format == "xlsx"
    assert look(tmp_path, csv_file(*ROWS, header=HEADER), "表.xlsx").format == "csv"
    assert look(tmp_path, jsonl_file({"title": "膜"}), "表.csv").format == "jsonl"


# --- refused ----------------------------------------------------------------------------------------------------------


def repacked(change, data=None):
    """A workbook with its parts changed: name → bytes."""
    parts = {}
    with zipfile.ZipFile(io.BytesIO(data or xlsx_file(*ROWS, header=HEADER))) as book:
        for name in book.namelist():
            parts[name] = book.read(name)
    change(parts)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">%s]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr">
<is><t>&lol9;</t></is></c></row></sheetData></worksheet>""" % b"".join(
    b'<!ENTITY lol%d "%s">' % (n, b"&lol%s;" % (str(n - 1).encode() if n > 1 else b"") * 10) for n in range(1, 10)
)
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr">
<is><t>&x;</t></is></c></row></sheetData></worksheet>"""


def ole(*names):
    """The smallest file that passes for an OLE document with these entries in its directory."""
    entries = b"".join(name.encode("utf-16-le").ljust(64, b"\0") + b"\0" * 64 for name in names)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0") + entries.ljust(512, b"\0")


REFUSED = {
    "empty": (b"", "文件是空的"),
    "white space": (b" \r\n \r\n", "文件是空的"),
    "only commas": (b",,,\r\n,,,\r\n", "文件是空的"),
    "pdf": (b"%PDF-1.7 ...", "这是 PDF 文件"),
    "program": (b"MZ\x90\x00", "这是 EXE 文件"),
    "web page": (b"<html><table><tr><td>a", "这是网页"),
    "broken zip": (b"PK\x03\x04broken", "文件损坏"),
    "zip of something": (repacked(lambda p: (p.clear(), p.update({"a.csv": b"a,b"}))), "这是压缩包"),
    "macros": (repacked(lambda p: p.update({"xl/vbaProject.bin": b"x"})), "文件带有宏"),
    "macro type": (
        repacked(
            lambda p: p.update(
                {"[Content_Types].xml": p["[Content_Types].xml"].replace(b"sheet.main", b"x.macroEnabled.main")}
            )
        ),
        "文件带有宏",
    ),
    "macro sheets": (repacked(lambda p: p.update({"xl/macrosheets/sheet1.xml": b"<x/>"})), "文件带有宏"),
    "laughs": (repacked(lambda p: p.update({SHEET: LAUGHS})), "声明了实体"),
    "laughs in UTF-16": (repacked(lambda p: p.update({SHEET: LAUGHS.decode().encode("utf-16")})), "声明了实体"),
    "outer entity": (repacked(lambda p: p.update({SHEET: EXTERNAL})), "声明了实体"),
    "broken sheet": (repacked(lambda p: p.update({SHEET: b"<worksheet><sheetData><row"})), "文件损坏"),
    "many parts": (repacked(lambda p: p.update({f"xl/media/{n}": b"" for n in range(2_001)})), "解压后过大"),
    "xls with macros": (ole("Root Entry", "Workbook", "_VBA_PROJECT_CUR"), "文件带有宏"),
    "encrypted xlsx": (ole("Root Entry", "EncryptionInfo", "EncryptedPackage"), "文件有密码"),
    "word": (ole("Root Entry", "WordDocument"), "这不是 Excel 表格"),
    "broken xls": (ole("Root Entry", "Workbook"), "文件损坏"),
    "unclosed quote": (b'a,b\r\n"' + b"x" * 200_000, "引号不成对"),
    "name twice": (b"a,b,a\r\n1,2,3", "列名“a”出现了两次"),
    "ten thousand columns": (",".join(f"c{n}" for n in range(10_000)).encode(), "文件有 10000 列，最多 200 列"),
    "ten thousand columns in a workbook": (xlsx_file(header=[f"c{n}" for n in range(10_000)]), "最多 200 列"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    data, said = REFUSED[name]
    with pytest.raises(UnreadableFile, match=said):
        read(tmp_path, data)


@pytest.mark.slow
def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    """500 MB of nothing in half a megabyte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
        with book.open(SHEET, "w") as part:
            for _n in range(500):
                part.write(b"\0" * 1_000_000)
    assert len(out.getvalue()) < 1_000_000
    tracemalloc.start()
    with pytest.raises(UnreadableFile, match="解压后过大"):
        look(tmp_path, out.getvalue())
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_zip_that_lies_about_its_size_gives_no_more_than_it_says(tmp_path):
    data = bytearray(repacked(lambda p: p.update({SHEET: b" " * 10_000_000})))
    place = data.rfind(b"PK\x01\x02", 0, data.rfind(SHEET.encode()))
    struct.pack_into("<I", data, place + 24, 1000)
    with pytest.raises(UnreadableFile):
        read(tmp_path, bytes(data))


def test_the_parser_itself_refuses_entities(tmp_path, monkeypatch):
    """Were the look before parsing passed over, defusedxml stands behind it."""
    monkeypatch.setattr(workbook, "check", lambda path: None)
    for bomb in (LAUGHS, EXTERNAL):
        with pytest.raises(UnreadableFile) as refused:
            read(tmp_path, repacked(lambda p, bomb=bomb: p.update({SHEET: bomb})))
        assert "EntitiesForbidden" in chain(refused.value)


def chain(error):
    """The names of an error and of all that led to it."""
    names = []
    while error is not None:
        names.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return names


@pytest.mark.slow
def test_a_row_number_that_lies_does_not_go_on_for_ever(tmp_path):
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
        b'<row r="999999999999"><c r="A999999999999" t="inlineStr"><is><t>b</t></is></c></row></sheetData></worksheet>'
    )
    source = look(tmp_path, repacked(lambda p: p.update({SHEET: sheet})))
    assert readers.header_of(source) == ["a"]
    with pytest.raises(UnreadableFile, match="行号超过了"):
        list(readers.rows_of(source))


def test_too_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MOST_ROWS", 3)
    source = look(tmp_path, b"a\r\n1\r\n2\r\n3\r\n4\r\n")
    with pytest.raises(UnreadableFile, match="文件超过 3 行"):
        list(readers.rows_of(source))


def test_cells_beyond_the_header_are_noticed(tmp_path):
    source = look(tmp_path, b"a,b\r\n1,2,3\r\n1,2,\r\n")
    assert [found.surplus for found in readers.rows_of(source)] == [True, False]


def test_hidden_sheets_are_not_read(tmp_path):
    book = openpyxl.Workbook()
    book.active.title, book.active.sheet_state = "lists", "hidden"
    book.active.append(["hidden"])
    sheet = book.create_sheet("data")
    for each in [HEADER, *ROWS]:
        sheet.append(each)
    out = io.BytesIO()
    book.save(out)
    assert read(tmp_path, out.getvalue())[0] == HEADER


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [csv_file, lambda *rows: jsonl_file(*({"title": r[1], "summary": r[2] * 20} for r in rows))]
)
def test_a_long_file_costs_no_memory(tmp_path, make):
    source = look(tmp_path, make(*(row(n) for n in range(20_000))), "x")
    tracemalloc.start()
    assert sum(1 for _row in readers.rows_of(source)) == 20_000
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_the_json_of_a_line_is_bounded(tmp_path):
    deep = json.loads("1")
    assert deep == 1
    assert read(tmp_path, b'{"a": 1}\n' + b"[" * 100_000, "x.jsonl")[1][1][1] == {"\x00broken": True}
    with pytest.raises(UnreadableFile, match="第 2 行太长"):
        read(tmp_path, b'{"a": 1}\n{"a": "' + b"x" * 2_000_001 + b'"}', "x.jsonl")
