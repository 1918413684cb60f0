"""Writes a small .xls (BIFF8 in an OLE file), for tests only: nothing that is maintained writes the format any more.

Enough of it to stand for a sheet that somebody kept since 2003: texts in the shared table, numbers in both their forms,
dates as numbers with a date format, truth values, errors, and a formula with its result.
"""

import datetime as dt
import struct

SECTOR = 512
LEAST_STREAM = 4096  # a shorter stream would stand in the small sectors, which this does not write
MOST_OF_A_RECORD = 8224
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
GENERAL, DATE, DATE_TIME = 0, 1, 2  # places in FORMATS
FORMATS = (0, 14, 22)  # of Excel's own: general, a day, a day with hours
DAY_ZERO = dt.datetime(1899, 12, 30)  # noqa: DTZ001 -- a spreadsheet knows no zones
ERRORS = {"#NULL!": 0, "#DIV/0!": 7, "#VALUE!": 15, "#REF!": 23, "#NAME?": 29, "#NUM!": 36, "#N/A": 42}
ONE_PLUS_ONE = bytes.fromhex("1e0100 1e0100 03")


class Formula(float):
    """The result of a formula, as the last program that calculated it wrote it down."""


def old_workbook(rows, *, name="成果", hidden=False):
    """The bytes of a workbook with these rows; `hidden` puts a hidden sheet of another content before."""
    sheets = [("旧", [["hidden"]], 1)] if hidden else []
    return _ole(_book([*sheets, (name, rows, 0)]))


def _book(sheets):
    texts = list(dict.fromkeys(cell for _n, rows, _h in sheets for row in rows for cell in row if _is_text(cell)))
    number = {text: place for place, text in enumerate(texts)}
    bodies = [_sheet(rows, number) for _name, rows, _hidden in sheets]
    before = [_beginning(5), _record(0x42, struct.pack("<H", 1200)), _record(0x22, b"\0\0"), _font()]
    before += [_record(0xE0, struct.pack("<HH16x", 0, form)) for form in FORMATS]
    after = _shared(texts) + _record(0x0A)
    names = [name.encode("utf-16-le") for name, _rows, _hidden in sheets]
    place = len(b"".join(before)) + sum(12 + len(name) for name in names) + len(after)
    bounds = b""
    for name, body, (_name, _rows, is_hidden) in zip(names, bodies, sheets, strict=True):
        bounds += _record(0x85, struct.pack("<IBBBB", place, is_hidden, 0, len(name) // 2, 1) + name)
        place += len(body)
    return b"".join(before) + bounds + after + b"".join(bodies)


def _sheet(rows, number):
    cells = (_cell(r, c, cell, number) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell is not None)
    return _beginning(0x10) + b"".join(cells) + _record(0x0A)


def _cell(row, column, cell, number):  # noqa: PLR0911 -- one kind of cell, one line
    def at(form):
        return struct.pack("<HHH", row, column, form)

    if isinstance(cell, bool):
        return _record(0x205, at(GENERAL) + struct.pack("<BB", cell, 0))
    if isinstance(cell, Formula):
        tail = struct.pack("<dHIH", cell, 0, 0, len(ONE_PLUS_ONE)) + ONE_PLUS_ONE
        return _record(0x06, at(GENERAL) + tail)
    if isinstance(cell, int):  # in the short form: 30 bits and a mark
        return _record(0x27E, at(GENERAL) + struct.pack("<i", cell << 2 | 2))
    if isinstance(cell, float):
        return _record(0x203, at(GENERAL) + struct.pack("<d", cell))
    if isinstance(cell, dt.date):
        has_hours = isinstance(cell, dt.datetime)
        moment = cell if has_hours else dt.datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001
        days = (moment - DAY_ZERO) / dt.timedelta(days=1)
        return _record(0x203, at(DATE_TIME if has_hours else DATE) + struct.pack("<d", days))
    if cell in ERRORS:
        return _record(0x205, at(GENERAL) + struct.pack("<BB", ERRORS[cell], 1))
    return _record(0xFD, at(GENERAL) + struct.pack("<I", number[cell]))


def _is_text(cell):
    return isinstance(cell, str) and cell not in ERRORS


def _shared(texts):
    """The table of texts; a record that would be too long is continued where a text begins."""
    parts, part = [], struct.pack("<II", len(texts), len(texts))
    for text in texts:
        coded = text.encode("utf-16-le")
        entry = struct.pack("<HB", len(coded) // 2, 1) + coded
        if len(part) + len(entry) > MOST_OF_A_RECORD:
            parts.append(part)
            part = b""
        part += entry
    return b"".join(_record(0x3C if n else 0xFC, each) for n, each in enumerate([*parts, part]))


def _beginning(kind):
    return _record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 1996, 0, 6))


def _font():
    name = "Arial"
    return _record(0x31, struct.pack("<HHHHHBBBBBB", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0, len(name), 0) + name.encode())


def _record(kind, content=b""):
    return struct.pack("<HH", kind, len(content)) + content


def _ole(stream):
    """One stream called Workbook: the table of sectors first, then the directory, then the stream."""
    stream = stream.ljust(LEAST_STREAM, b"\0")
    count = -(-len(stream) // SECTOR)
    tables = 1
    while tables * SECTOR // 4 < tables + 1 + count:
        tables += 1
    first = tables + 1
    chain = [FAT] * tables + [END] + [*range(first + 1, first + count), END]
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(tables * SECTOR, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack(
        "<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, tables, tables, 0, LEAST_STREAM, END, 0, END, 0
    )
    header += struct.pack("<109I", *range(tables), *[FREE] * (109 - tables))
    entries = _entry("Root Entry", 5, 1, END, 0) + _entry("Workbook", 2, FREE, first, len(stream))
    return header + table + entries.ljust(SECTOR, b"\0") + stream.ljust(count * SECTOR, b"\0")


def _entry(name, kind, child, first, size):
    coded = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<HBBIII36xIII", len(coded), kind, 1, FREE, FREE, child, first, size, 0)
    return coded.ljust(64, b"\0") + links
