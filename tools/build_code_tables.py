"""Writes the code tables of src/keqiao/catalogue/data/codes from the taxonomies folder of the shared data.

Run from the repository: `python tools/build_code_tables.py ../shared/data/taxonomies`. Same input, same bytes.
Titles are repaired where a PDF broke them; what was taken out of a title stands in `remark`, or SOURCES.md says so.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "src/keqiao/catalogue/data/codes"
COLUMNS = ["scheme", "edition", "code", "parent", "level", "title_zh", "title_en", "remark"]
WIDE = r"\u4e00-\u9fff\u3000-\u303f\uff00-\uffef—…"
LIMIT = 500

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def write(name: str, columns: list[str], rows: Iterable[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writeheader()
    rows = list(rows)
    writer.writerows(rows)
    packed = gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0)
    (OUT / name).write_bytes(packed)
    print(f"{name}: {len(rows):,} rows, {len(packed):,} bytes", dict(Counter(r.get("level", "") for r in rows)))


def chinese(text: str) -> str:
    """Without the spaces that a line break left inside a Chinese title, and with Chinese punctuation."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"[Ａ-Ｚ]", lambda m: chr(ord(m[0]) - 0xFEE0), text)
    text = re.sub(r"(?<=\d) ?_ ?(?=\d\d)", "/", text)
    text = re.sub(r"(?<=[\u4e00-\u9fff])_(?=[\u4e00-\u9fff])", "-", text.replace("例如_", "例如"))
    text = text.replace("理沦", "理论").replace("逻缉", "逻辑")
    if re.search(r"\([^)]*[\u4e00-\u9fff]|[（）]", text):
        text = text.replace("(", "（").replace(")", "）")
    text = re.sub(rf"(?<=[{WIDE}]) +| +(?=[{WIDE}])", "", text)
    text = re.sub(r"- (?=[A-Z])", "-", text)
    text = re.sub(r"(?<=[\u4e00-\u9fff]) ?, ?(?=[\u4e00-\u9fffA-Z])|(?<=[A-Z0-9]) ?, ?(?=[\u4e00-\u9fff])", "，", text)
    text = re.sub(r"(?<=[\u4e00-\u9fff]) ?; ?(?=[\u4e00-\u9fff])", "；", text)
    return re.sub(r"(?<=[A-H]\d\d[A-Z]) (?=\d)", "", text)


# --- IPC -------------------------------------------------------------------------------------------------------------

SYMBOL = re.compile(r"[A-H]\d{2}(?:[A-Z]|\b)")


def without_references(text: str, brackets: str) -> tuple[str, list[str]]:
    """The title without the parentheses that send the reader to other places, and these parentheses."""
    opening, closing = brackets
    kept, taken, depth, start = "", [], 0, 0
    for position, sign in enumerate(text):
        if sign == opening:
            if depth == 0:
                start = position
            depth += 1
        elif sign == closing and depth:
            depth -= 1
            if depth == 0:
                inner = text[start : position + 1]
                if SYMBOL.search(inner):
                    taken.append(inner[1:-1])
                else:
                    kept += inner
        elif depth == 0:
            kept += sign
    if depth and SYMBOL.search(text[start:]):  # the source ends inside the parenthesis
        taken.append(text[start + 1 :])
    return kept, taken


def tidy(text: str) -> str:
    text = re.sub(r"\s*[\[〔](?:\d{1,2}(?:[,，]\d{1,2})*|\d{4}\.?\d\d(?:\.?\d\d)?)[\]〕]", "", text)
    text = re.sub(r" +([,;.])", r"\1", re.sub(r"\s{2,}", " ", text))
    return re.sub(r"[;；,，\s]+$", "", text).strip()


# Two titles that an index of the subclass ran into, where the title itself can be told.
MENDED = {"A47C": "椅子；沙发；床", "B62J37/00": "其他附件"}

DAMAGED = re.compile(r"^\d+\.|(?<=[\u4e00-\u9fff])[A-H]\d\d[A-Z] ?\d+/\d+.*[\u4e00-\u9fff]{2,}[A-H]\d\d[A-Z] ?\d+/\d+")
SENTENCE = re.compile(r"入|包含|不包括|包括|组|覆盖|除|相关|有关|依照|按照|之|的装置|结合|与[A-H]|中")


def chinese_title(raw: str, level: str) -> tuple[str, str]:
    title, taken = without_references(chinese(raw).partition("导引标题")[0], "（）")
    remark = "；".join(taken)
    title = tidy(title)
    note = re.search(r"(?:；|;)?\s?(?:注意[:：]?\s?(?=\d\.|本|该|在|C部)|注[:：])", title)
    if note and note.start() > 1:
        title, remark = title[: note.start()], title[note.start() :].lstrip("；; ")
    if level == "maingroup" and DAMAGED.search(title) and (title[0].isdigit() or not SENTENCE.search(title)):
        # An index of the subclass ran into the title: what stands before its first symbol is not surely the title.
        return "", f"来源中标题损坏：{title}"
    if len(raw) >= 120 and level == "maingroup":
        remark = "；".join(filter(None, [remark, "来源在第120字处截断"]))
    return re.sub(r"[:：、\s]+$", "", title), remark


def english_title(raw: str) -> str:
    title, _ = without_references(raw, "()")
    return tidy(title)


def ipc(folder: Path) -> list[Row]:
    rows = []
    for row in read(folder / "ipc_zh_en.tsv"):
        if row["level"] not in {"section", "class", "subclass", "maingroup"}:
            continue
        title, remark = chinese_title(MENDED.get(row["code"], row["title_zh"]), row["level"])
        level = "main_group" if row["level"] == "maingroup" else row["level"]
        rows.append(
            {"scheme": "ipc", "edition": "2026.01", "code": row["code"], "parent": row["parent"], "level": level,
             "title_zh": title[:LIMIT], "title_en": english_title(row["title_en"])[:LIMIT], "remark": remark[:LIMIT]}
        )  # fmt: skip
    return rows


# --- Chinese standards -----------------------------------------------------------------------------------------------


def gbt4754(folder: Path) -> list[Row]:
    levels = {"1": "section", "2": "division", "3": "group", "4": "class"}
    rows = []
    for row in read(folder / "gbt4754_industry.tsv"):
        name, _, remark = row["name_zh"].strip().partition("   ")
        name = re.sub(r"专用设备制$", "专用设备制造", name)  # a line break took the last character
        rows.append(
            {"scheme": "gbt4754", "edition": "2017", "code": row["code"], "parent": row["parent"],
             "level": levels[row["level"]], "title_zh": chinese(name.replace("（3D)", "（3D）")),
             "title_en": "", "remark": chinese(remark)}
        )  # fmt: skip
    return rows


STRAY = re.compile(r"\s{2,}(?P<code>\d{5}|\d{7})\s+(?P<name>\S.*)$")


def gbt13745(folder: Path) -> list[Row]:
    """Names without remarks. Where a row of the second column of the page ran into a name, it becomes a row again."""
    levels = {"1": "first", "2": "second", "3": "third"}
    source = read(folder / "gbt13745_disciplines.tsv")
    known = {row["code"] for row in source}
    rows: list[Row] = []
    found: dict[str, str] = {}
    for row in source:
        name, remark = row["name_zh"].strip(), ""
        stray = STRAY.search(name)
        moved = re.match(r"(\S+) (\d{3}|\d{5}|\d{7}) (\S.*)$", name)
        parts = re.match(r"((?:[A-Za-zα-ω]\s+)?\S+)\s+(.+)$", name)
        if moved:
            name, remark = moved[1], f"参见{moved[2]}{moved[3]}"
        elif stray:
            name = name[: stray.start()].strip()
            if stray["code"] not in known:
                found[stray["code"]] = stray["name"].strip()
        elif parts:
            name, remark = parts[1], parts[2]
        rows.append(discipline(row["code"], row["parent"], levels[row["level"]], name, remark))
    for code, text in sorted(found.items()):
        parent = code[:5] if len(code) == 7 else code[:3]
        name, _, remark = text.partition("（")
        if parent in known:
            note = "由来源中错行并入的文字恢复" + (f"；{remark.rstrip('）')}" if remark else "")
            level = "third" if len(code) == 7 else "second"
            rows.append(discipline(code, parent, level, name, note))
    present = {row["code"] for row in rows}
    for row in rows:
        if row["parent"] and row["parent"] not in present:
            row["remark"] = "；".join(filter(None, [row["remark"], f"来源中没有上级代码{row['parent']}"]))
            row["parent"] = row["parent"][:3]
    return sorted(rows, key=lambda row: row["code"])


def discipline(code: str, parent: str, level: str, name: str, remark: str) -> Row:
    return {
        "scheme": "gbt13745", "edition": "2009", "code": code, "parent": parent, "level": level,
        "title_zh": chinese(name), "title_en": "", "remark": chinese(remark).strip("，, "),
    }  # fmt: skip


def gbt2260(folder: Path) -> list[Row]:
    return [
        {"scheme": "gbt2260", "edition": "2023", "code": row["code"], "parent": row["parent"], "level": row["level"],
         "title_zh": row["name_zh"].strip(), "title_en": "", "remark": ""}
        for row in read(folder / "gbt2260_admin_divisions.tsv")
    ]  # fmt: skip


# --- WIPO ------------------------------------------------------------------------------------------------------------

SECTORS_ZH = {
    "Electrical engineering": "电气工程", "Instruments": "仪器", "Chemistry": "化学",
    "Mechanical engineering": "机械工程", "Other fields": "其他领域",
}  # fmt: skip


def wipo35(folder: Path) -> tuple[list[Row], list[Row]]:
    source = read(folder / "wipo35_ipc_concordance.tsv")
    sectors = {name: f"S{number}" for number, name in enumerate(SECTORS_ZH, start=1)}
    rows = [
        {"scheme": "wipo35", "edition": "SDC_IM ebd004b", "code": code, "parent": "", "level": "sector",
         "title_zh": SECTORS_ZH[name], "title_en": name, "remark": "Chinese translated here"}
        for name, code in sectors.items()
    ]  # fmt: skip
    fields = {row["field_nr"]: row for row in source}
    rows += [
        {"scheme": "wipo35", "edition": "SDC_IM ebd004b", "code": number, "level": "field",
         "parent": sectors[row["sector"]], "title_zh": row["field_zh"], "title_en": row["field_en"],
         "remark": "Chinese translated here"}
        for number, row in sorted(fields.items(), key=lambda pair: int(pair[0]))
    ]  # fmt: skip
    prefixes = [{"field": row["field_nr"], "ipc_prefix": row["ipc_prefix"]} for row in source]
    return rows, sorted(prefixes, key=lambda row: (int(row["field"]), row["ipc_prefix"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder with ipc_zh_en.tsv, gbt4754_industry.tsv …")
    folder = parser.parse_args().folder
    OUT.mkdir(parents=True, exist_ok=True)
    write("ipc.tsv.gz", COLUMNS, ipc(folder))
    write("gbt4754.tsv.gz", COLUMNS, gbt4754(folder))
    write("gbt13745.tsv.gz", COLUMNS, gbt13745(folder))
    write("gbt2260.tsv.gz", COLUMNS, gbt2260(folder))
    fields, prefixes = wipo35(folder)
    write("wipo35.tsv.gz", COLUMNS, fields)
    write("wipo35_ipc.tsv.gz", ["field", "ipc_prefix"], prefixes)


if __name__ == "__main__":
    main()
