"""The site's own code tables, fields and regions, as files that administrators take, edit and bring back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from keqiao.catalogue.models import Achievement, Code, Need
from keqiao.kernel import site
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.kernel.models import SiteSettings
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

COLUMNS = ("code", "parent", "level", "title_zh", "title_en")
SITE = "site"  # the edition of what belongs to this site; countries and public tables have others
MOST_ROWS = {"field": 200, "region": 10_000}
LARGEST = 2 * 1024 * 1024
LONGEST = {"code": 12, "parent": 12, "level": 20, "title_zh": 100, "title_en": 200}
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
COUNTRY = "CN"  # heads the regions that name no parent


@dataclass(frozen=True)
class Row:
    """One line of the file, numbered as a spreadsheet numbers it."""

    number: int
    values: Mapping[str, str]


class BadTable(BadInput):
    """The file cannot be taken; `problems` says what is wrong, row by row. Nothing was changed."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("；".join(problems[:5]), field="file")
        self.problems = list(problems)


def site_table(scheme: str) -> QuerySet[Code]:
    """The rows that are this site's own, in the order in which pages show them."""
    return Code.objects.filter(scheme=scheme, edition=SITE).order_by("position", "code")


def as_csv(scheme: str) -> bytes:
    """With a byte order mark, so that spreadsheets read the Chinese; a cell is never a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in site_table(scheme):
        writer.writerow([_harmless(getattr(row, name)) for name in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


@command
def replace_site_table(*, actor: Actor, scheme: str, content: bytes) -> int:
    """Put the file's rows in the place of the site's own. Operators only; whole or not at all. How many rows.

    A code that an item or the site's settings use cannot vanish: give it a new title instead.
    """
    if not actor.is_operator or scheme not in MOST_ROWS:
        raise NotAllowed
    rows = _read(scheme, content)
    gone = _vanishing(scheme, {row.values["code"] for row in rows})
    if used := _used(scheme, gone, actor):
        message = _("代码 %(codes)s 正被使用，不能从表中去掉；可以改名称。")
        raise BadTable([message % {"codes": ", ".join(sorted(used)[:10])}])
    Code.objects.filter(scheme=scheme, edition=SITE, code__in=gone).delete()
    entries = [_entry(scheme, place, row.values) for place, row in enumerate(rows)]
    Code.objects.bulk_create(
        entries,
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=["scheme", "edition", "code"],
        update_fields=["parent", "level", "title_zh", "title_en", "position"],
    )
    _make_own(scheme)
    record("catalogue.code_table_replaced", _first(scheme), actor=actor, scheme=scheme, rows=len(rows), gone=len(gone))
    return len(rows)


@command
def rename_codes(*, actor: Actor, scheme: str, titles: Mapping[str, tuple[str, str]]) -> int:
    """Give codes of the site's own table other titles (Chinese, English). How many changed."""
    if not actor.is_operator or scheme not in MOST_ROWS:
        raise NotAllowed
    rows = {row.code: row for row in site_table(scheme).select_for_update()}
    changed = []
    for code, (title_zh, title_en) in titles.items():
        row = rows.get(code)
        if row is None:
            raise BadInput(_("没有代码“%(code)s”。") % {"code": code[:12]}, field=code)
        if not title_zh.strip() or len(title_zh) > LONGEST["title_zh"] or len(title_en) > LONGEST["title_en"]:
            raise BadInput(_("“%(code)s”的中文名称不能为空，最多 100 个字。") % {"code": code}, field=code)
        if (row.title_zh, row.title_en) != (title_zh.strip(), title_en.strip()):
            row.title_zh, row.title_en = title_zh.strip(), title_en.strip()
            changed.append(row)
    Code.objects.bulk_update(changed, ["title_zh", "title_en"])
    if changed:
        _make_own(scheme)
        codes = [row.code for row in changed]
        record("catalogue.codes_renamed", changed[0], actor=actor, scheme=scheme, codes=codes)
    return len(changed)


def is_own(scheme: str) -> bool:
    """The site has made this table its own: a release does not write over it."""
    row = SiteSettings.objects.filter(pk=1).first()
    return row is not None and scheme in row.more.get("own_tables", [])


def _make_own(scheme: str) -> None:
    SiteSettings.objects.get_or_create(pk=1)
    row = SiteSettings.objects.select_for_update(no_key=True).get(pk=1)
    row.more = {**row.more, "own_tables": sorted({*row.more.get("own_tables", []), scheme})}
    row.save(update_fields=["more"])
    site.forget()


def _first(scheme: str) -> Code:
    return Code.objects.filter(scheme=scheme, edition=SITE).order_by("position")[0]


def _entry(scheme: str, place: int, values: Mapping[str, str]) -> Code:
    parent = values["parent"] or (COUNTRY if scheme == "region" else "")
    level = values["level"] or ("area" if scheme == "region" else "1")
    return Code(
        scheme=scheme,
        edition=SITE,
        code=values["code"],
        parent=parent,
        level=level,
        title_zh=values["title_zh"],
        title_en=values["title_en"],
        position=place,
    )


def _vanishing(scheme: str, codes: set[str]) -> set[str]:
    return set(site_table(scheme).values_list("code", flat=True)) - codes


def _used(scheme: str, codes: set[str], actor: Actor) -> set[str]:
    column = {"field": "field", "region": "region"}[scheme]
    used: set[str] = set()
    for table in (Achievement, Need):
        rows: QuerySet[Any] = table.objects.filter(**{f"{column}__in": codes})
        used |= set(rows.order_by().values_list(column, flat=True).distinct())
    if scheme == "region":
        used |= set(SiteSettings.objects.filter(region_root__in=codes).values_list("region_root", flat=True))
        at_home = parties.organisations_visible_to(actor).filter(region__in=codes)
        used |= set(at_home.order_by().values_list("region", flat=True).distinct())
    return used


# --- reading ------------------------------------------------------------------------------------------------------------


def _read(scheme: str, content: bytes) -> list[Row]:
    rows = list(_lines(content))
    if not rows:
        raise BadTable([_("文件里没有数据行。第一行是列名 %(columns)s。") % {"columns": ", ".join(COLUMNS)}])
    if len(rows) > MOST_ROWS[scheme]:
        raise BadTable([_("最多 %(most)d 行，文件有 %(count)d 行。") % {"most": MOST_ROWS[scheme], "count": len(rows)}])
    if problems := [*_problems(scheme, rows)]:
        raise BadTable(problems)
    return rows


def _lines(content: bytes) -> Iterator[Row]:
    if len(content) > LARGEST:
        raise BadTable([_("文件超过 2 MB。")])
    if content[:4] in {b"PK\x03\x04", b"\xd0\xcf\x11\xe0"} or b"\x00" in content:
        raise BadTable([_("请另存为 CSV（逗号分隔）再传，不接受 Excel 文件。")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError:
            raise BadTable([_("文字编码认不出来：请用 UTF-8 或 GB18030 保存。")]) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        if missing := [name for name in ("code", "title_zh") if name not in header]:
            message = _("第 1 行缺少列 %(missing)s。列名为 %(columns)s。")
            raise BadTable([message % {"missing": ", ".join(missing), "columns": ", ".join(COLUMNS)}])
        for number, cells in enumerate(reader, start=2):
            if any(cell.strip() for cell in cells):
                given = {name: cell.strip().removeprefix("'") for name, cell in zip(header, cells, strict=False)}
                yield Row(number, {name: given.get(name, "") for name in COLUMNS})
    except csv.Error:
        raise BadTable([_("不是合格的 CSV：引号没有成对，或者一格太长。")]) from None


def _problems(scheme: str, rows: Sequence[Row]) -> Iterator[str]:
    known = set(Code.objects.filter(scheme=scheme).exclude(edition=SITE).values_list("code", flat=True))
    known |= {COUNTRY} if scheme == "region" else set()
    codes = {row.values["code"] for row in rows}
    parents = {row.values["code"]: row.values["parent"] for row in rows}
    seen: set[str] = set()
    for row in rows:
        where, code = {"row": row.number}, row.values["code"]
        if not CODE.fullmatch(code):
            yield _("第 %(row)d 行 code：只含字母、数字、点和横线，例如 310115。") % where
        elif code in seen:
            yield _("第 %(row)d 行 code：“%(code)s”重复了。") % {**where, "code": code}
        elif code in known:
            yield _("第 %(row)d 行 code：“%(code)s”已被公共代码表使用。") % {**where, "code": code}
        seen.add(code)
        if not row.values["title_zh"]:
            yield _("第 %(row)d 行 title_zh：名称不能为空，例如 浦东新区。") % where
        for name, most in LONGEST.items():
            if len(row.values[name]) > most:
                yield _("第 %(row)d 行 %(name)s：最多 %(most)d 个字。") % {**where, "name": name, "most": most}
        parent = row.values["parent"]
        if parent and parent not in codes | known:
            yield _("第 %(row)d 行 parent：没有代码“%(code)s”。") % {**where, "code": parent[:12]}
        elif _circles(code, parents):
            yield _("第 %(row)d 行 parent：“%(code)s”绕回了自己。") % {**where, "code": code}


def _circles(code: str, parents: Mapping[str, str]) -> bool:
    here, steps = parents.get(code, ""), 0
    while here and steps <= len(parents):
        if here == code:
            return True
        here, steps = parents.get(here, ""), steps + 1
    return False
