"""One row of a file read into content: every cell by its column's reader, then the whole by the strict reader of the kind.

Nothing is written here. A problem names the file's own column, what is wrong and an example, in the active language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue.services import FOREIGN
from keqiao.interchange import cells, indicators, values
from keqiao.interchange.columns import Column, by_name, column_of_field
from keqiao.interchange.readers import Row
from keqiao.interchange.readers.lines import BROKEN
from keqiao.interchange.types import ITEM_KINDS, Kind
from keqiao.interchange.values import Unreadable, as_filed, short
from keqiao.interchange.world import World, choices
from keqiao.kernel.identifiers import ApplicationNumberError, CreditCodeError, read_application_number, read_credit_code
from keqiao.submissions.content import problems_of

LONGEST_KEY = 80
SAID = "indicators_said"  # the sentences from which the rows of indicators were read
SUBMISSION_KIND = {Kind.ACHIEVEMENTS: "achievement", Kind.NEEDS: "need"}
LIMITS = {"name_zh": 200, "name_en": 200, "short_zh": 60, "short_en": 60, "title_zh": 300, "title_en": 300, "number": 40,
          "about_zh": 20_000, "about_en": 20_000, "email": 254}  # fmt: skip
PEOPLE_LIMITS = {"name_zh": 80, "name_en": 80, "title_zh": 80, "title_en": 80}
PATENTS = {"invention", "utility", "design"}


@dataclass
class Problem:
    """What is wrong in one cell: our column's name (empty: the row as a whole), the words, an example."""

    column: str
    message: str
    example: str = ""


@dataclass
class Checked:
    """A row that was read. It may be applied when `problems` is empty."""

    content: dict[str, Any] = field(default_factory=dict)
    organisation_id: int | None = None
    key: str = ""
    fingerprint: str = ""
    problems: list[Problem] = field(default_factory=list)


def check(kind: str, row: Row, mapping: Mapping[str, str], world: World) -> Checked:
    """Read one row: the same row read again gives the same."""
    found = Checked()
    if BROKEN in row.cells:
        found.problems.append(Problem("", _("这一行不是 JSON 对象。"), '{"title": "耐酸纳滤膜"}'))
        return found
    if row.surplus:
        found.problems.append(Problem("", _("这一行的格子比列名多。"), _("检查是否有没加引号的分隔符")))
    given = _given(kind, row, mapping, found)
    _read_owner(kind, given, world, found)
    for name, cell in given.items():
        column = by_name(kind)[name]
        try:
            _read(kind, column, cell, world, found)
        except Unreadable as trouble:
            found.problems.append(Problem(name, trouble.message, trouble.example))
    _check_whole(kind, world, found)
    found.fingerprint = fingerprint(found.content)
    found.key = found.content.get("external_id") or f"#{found.fingerprint}"
    return found


def fingerprint(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


def _given(kind: str, row: Row, mapping: Mapping[str, str], found: Checked) -> dict[str, Any]:
    """Our column → cell, of the cells that say something and hold only characters that can be kept."""
    given = {}
    for name, raw in row.cells.items():
        column = by_name(kind).get(mapping.get(name, ""))
        cell = cells.clean(raw)
        if column is None or cell in ("", None, [], {}):
            continue
        text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
        if cells.CONTROL.search(text) or "\\u0000" in text:
            found.problems.append(
                Problem(column.name, _("文字里有不能保存的控制字符。"), _("删掉看不见的字符，或重新输入这一格"))
            )
        elif text in cells.EXCEL_ERRORS:
            found.problems.append(
                Problem(column.name, _("这一格是 Excel 的错误值 %(value)s。") % {"value": text}, column.example)
            )
        else:
            given[column.name] = cell
    return given


def _read_owner(kind: str, given: dict[str, Any], world: World, found: Checked) -> None:
    """Whose the row is: the organisation that it names, else the importer's own."""
    cell = given.pop("organisation", None)
    if kind == Kind.ORGANISATIONS:
        return
    try:
        found.organisation_id = world.organisation_id if cell is None else world.organisation(cell)
        world.check_publisher(found.organisation_id)
    except Unreadable as trouble:
        found.problems.append(Problem("organisation", trouble.message, trouble.example))


def _read(kind: str, column: Column, cell: Any, world: World, found: Checked) -> None:
    """Fill the place of a column in the content."""
    if column.shape == "price":
        found.content.update({name: value for name, value in values.read_price(cell).items() if value is not None})
    elif column.shape == "text":
        _put(found.content, column.place, _text(kind, column, cell))
    elif column.shape == "indicators":
        _read_indicators(kind, column, cell, world, found)
    elif column.shape == "assets":
        ids = {world.asset(word, found.organisation_id) for word in cells.parts(cell)}
        _put(found.content, column.place, sorted(ids))
    else:
        _put(found.content, column.place, SHAPES[column.shape](column, cell, world))


def _read_indicators(kind: str, column: Column, cell: Any, world: World, found: Checked) -> None:
    """Item by item; in a draft also from sentences, which a person then confirms in the form."""
    try:
        rows = indicators.read_indicators(cell, kind=kind, evidence=choices("evidence"))
    except Unreadable:
        rows = indicators.read_sentences(cell, kind=SUBMISSION_KIND[Kind(kind)]) if world.drafts else []
        if not rows:
            raise
        found.content[SAID] = cell
    _put(found.content, column.place, rows)


def _choices(column: Column, cell: Any) -> list[str]:
    return list(dict.fromkeys(choices(column.table).read(word) for word in cells.parts(cell)))


def _codes(column: Column, cell: Any, world: World) -> list[str]:
    return list(dict.fromkeys(world.code(column.table, word) for word in cells.parts(cell)))


SHAPES: Mapping[str, Callable[[Column, Any, World], Any]] = {
    "words": lambda _column, cell, _world: cells.parts(cell),
    "choice": lambda column, cell, _world: choices(column.table).read(cell),
    "choices": lambda column, cell, _world: _choices(column, cell),
    "code": lambda column, cell, world: world.code(column.table, cell),
    "codes": _codes,
    "trl": lambda _column, cell, _world: values.read_trl(cell),
    "date": lambda _column, cell, _world: values.read_date(cell),
    "date_end": lambda _column, cell, _world: values.read_date(cell, end=True),
    "team": lambda _column, cell, _world: indicators.read_team(cell),
    "credit_code": lambda _column, cell, _world: _credit_code(cell),
}


def _text(kind: str, column: Column, cell: Any) -> str:
    if not isinstance(cell, str):
        raise Unreadable(_("这里应是文字。"), column.example)
    if column.name in {"external_id", "code"}:
        if len(cell) > LONGEST_KEY or "\n" in cell:
            raise Unreadable(_("编号最多 %(most)d 个字，写在一行里。") % {"most": LONGEST_KEY}, column.example)
        if column.name == "external_id" and cell.startswith("#"):
            raise Unreadable(_("外部编号不能以 # 开头。"), column.example)
    limit = (PEOPLE_LIMITS if kind == Kind.PEOPLE else LIMITS).get(column.name) if kind not in ITEM_KINDS else None
    if limit and len(cell) > limit:
        raise Unreadable(_("有 %(n)d 个字，最多 %(most)d 个。") % {"n": len(cell), "most": limit}, column.example)
    return cell


def _credit_code(cell: Any) -> str:
    try:
        return read_credit_code(str(cell))
    except CreditCodeError as error:
        message = _("统一社会信用代码“%(text)s”不对，请核对 18 位字符和校验位。")
        raise Unreadable(message % {"text": short(cell)}, error.example) from error


def _put(content: dict[str, Any], place: str, value: Any) -> None:
    *outer, last = place.split(".")
    for name in outer:
        content = content.setdefault(name, {})
    content[last] = value


# --- the whole row ----------------------------------------------------------------------------------------------------


def _check_whole(kind: str, world: World, found: Checked) -> None:
    """What the kind asks of a row; nothing is said again of a cell that could not be read."""
    named = {problem.column for problem in found.problems}
    if kind in ITEM_KINDS:
        _default_origins(found.content)
        content = {name: value for name, value in found.content.items() if name not in {"code", SAID}}
        for problem in problems_of(SUBMISSION_KIND[Kind(kind)], content, today=world.today):
            column = column_of_field(kind, problem.field)
            if column not in named:
                found.problems.append(Problem(column, problem.message, problem.example or _example(kind, column)))
        return
    for asked in by_name(kind).values():
        if asked.required and asked.name not in found.content and asked.name not in named:
            other = "name_en" if asked.name == "name_zh" else ""
            if other not in found.content:
                found.problems.append(Problem(asked.name, _("不能为空。"), asked.example))
    if kind == Kind.ASSETS and not found.problems:
        _check_asset(found)


def _default_origins(content: dict[str, Any]) -> None:
    """A text that says nothing of where it comes from is the author's own; an origin without a text is dropped."""
    for lang, text in list(content.get("texts", {}).items()):
        if set(text) == {"origin"}:
            del content["texts"][lang]
        else:
            text.setdefault("origin", "author")


def _check_asset(found: Checked) -> None:
    content = found.content
    kind, number = content["kind"], content.get("number", "")
    if kind == "know_how" and number:
        found.problems.append(Problem("number", _("技术秘密没有登记号，这一格应留空。"), ""))
    if kind in PATENTS:
        if not number:
            found.problems.append(Problem("number", _("专利要有申请号。"), "201310699744.2"))
        elif not FOREIGN.match(number):
            try:
                content["number"] = read_application_number(as_filed(number)).number
            except ApplicationNumberError as error:
                message = _("专利申请号“%(text)s”不对，请核对数字和校验位。")
                found.problems.append(Problem("number", message % {"text": short(number)}, error.example))
    if not (content.get("title_zh") or content.get("title_en")):
        found.problems.append(Problem("title_zh", _("不能为空。"), "一种耐酸纳滤膜"))
    filed, expires = content.get("filed_on"), content.get("expires_on")
    if filed and expires and expires <= filed:
        found.problems.append(Problem("expires_on", _("到期日不晚于申请日。"), "2046-03-01"))


def _example(kind: str, column: str) -> str:
    return by_name(kind)[column].example if column in by_name(kind) else ""
