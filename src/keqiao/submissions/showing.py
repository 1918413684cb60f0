"""A submission as a reviewer reads it: sections of lines, each with its path, what it was before, and what was asked there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import SimpleNamespace
from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import (
    AttachmentLevel,
    BudgetShown,
    Comparator,
    Evidence,
    Mode,
    Origin,
    Ownership,
    PriceKind,
    Shown,
)
from keqiao.kernel.workflow import Stage
from keqiao.parties.types import Actor
from keqiao.submissions.changes import touches, unconfirmed
from keqiao.submissions.types import ComplaintState as C
from keqiao.submissions.types import DeclineReason, NoteKind, ReviewStep, SkipReason
from keqiao.submissions.types import SubmissionState as S
from keqiao.submissions.workflow import submission_workflow

Text = str | Promise
TEXT_LABELS: Mapping[str, Text] = {
    "title": gettext_lazy("标题"),
    "problem": gettext_lazy("要解决的问题"),
    "background": gettext_lazy("背景"),
    "tried": gettext_lazy("试过什么"),
    "wanted": gettext_lazy("希望得到什么"),
    "offers": gettext_lazy("能提供什么"),
    "summary": gettext_lazy("摘要"),
    "how": gettext_lazy("怎么做到"),
    "incumbent": gettext_lazy("现在怎么做"),
    "advantage": gettext_lazy("好在哪里"),
    "stage": gettext_lazy("到了哪一步"),
    "origin": gettext_lazy("文本来历"),
}
LABELS: Mapping[str, Text] = {
    "field": gettext_lazy("领域"),
    "ipc": gettext_lazy("IPC 分类号"),
    "industry": gettext_lazy("国民经济行业"),
    "discipline": gettext_lazy("学科分类"),
    "region": gettext_lazy("所在地区"),
    "keywords_zh": gettext_lazy("中文关键词"),
    "keywords_en": gettext_lazy("英文关键词"),
    "trl": gettext_lazy("技术成熟度"),
    "trl_min": gettext_lazy("成熟度要求"),
    "trl_evidence_zh": gettext_lazy("成熟度的依据"),
    "trl_evidence_en": gettext_lazy("成熟度的依据（英文）"),
    "modes": gettext_lazy("合作方式"),
    "price": gettext_lazy("价格"),
    "price_for": gettext_lazy("这个价格对应"),
    "deadline": gettext_lazy("截止"),
    "region_wish": gettext_lazy("对方在哪里"),
    "publisher_shown": gettext_lazy("谁能看到单位名称"),
    "budget_shown": gettext_lazy("谁能看到预算"),
    "ownership": gettext_lazy("成果归谁"),
    "unit_zh": gettext_lazy("院系或部门"),
    "unit_en": gettext_lazy("院系或部门（英文）"),
    "disclosed_on": gettext_lazy("披露日期"),
    "external_id": gettext_lazy("本单位编号"),
    "asset_ids": gettext_lazy("知识产权"),
}
ROW_LABELS: Mapping[str, Text] = {
    "indicators": gettext_lazy("指标"),
    "team": gettext_lazy("团队成员"),
    "attachments": gettext_lazy("附件"),
}
ORDER = (
    "trl", "trl_min", "trl_evidence_zh", "trl_evidence_en", "modes", "price", "price_for", "deadline", "region_wish",
    "publisher_shown", "budget_shown", "ownership", "asset_ids", "unit_zh", "unit_en", "disclosed_on", "external_id",
)  # fmt: skip
CLASSES = ("field", "ipc", "industry", "discipline", "region", "keywords_zh", "keywords_en")
SCHEMES = {"field": "field", "region": "region", "industry": "gbt4754", "discipline": "gbt13745", "ipc": "ipc"}
CHOICES: Mapping[str, Mapping[str, Text]] = {
    "modes": dict(Mode.choices),
    "price_for": dict(Mode.choices),
    "ownership": dict(Ownership.choices),
    "publisher_shown": dict(Shown.choices),
    "budget_shown": dict(BudgetShown.choices),
    "region_wish": {"local": gettext_lazy("同城优先"), "any": gettext_lazy("不限")},
    "origin": dict(Origin.choices),
}
LANGUAGES: Mapping[str, Text] = {"zh": gettext_lazy("中文文本"), "en": gettext_lazy("英文文本")}
LONGEST_DIFF = 2_500  # pieces: beyond it both texts are shown whole


@dataclass
class Line:
    """One place of the content."""

    field: str
    label: str
    value: Any = ""
    before: Any = None
    lang: str = ""
    is_long: bool = False
    is_changed: bool = False
    is_suggested: bool = False
    price: Any = None
    price_before: Any = None
    file: Any = None
    questions: list[Any] = dataclasses.field(default_factory=list)

    @property
    def difference(self) -> SafeString:
        return difference(str(self.before or ""), str(self.value or ""))


@dataclass(frozen=True)
class Section:
    key: str
    title: str
    lines: list[Line]


def sections(
    content: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
    confirmed_before: Mapping[str, Any] | None = None,
    questions: Iterable[Any] = (),
    files: Mapping[int, Any] | None = None,
    assets: Mapping[int, Any] | None = None,
) -> list[Section]:
    """What is written, in the order of the form; with `before`, also what was there and what is gone."""
    old = before or {}
    reading = _Reading(content, old, files or {}, assets or {}, compares=before is not None)
    suggested = {name for name, _code in unconfirmed(content, confirmed_before)}
    found = [
        *(Section(f"texts-{lang}", str(name), reading.texts(lang)) for lang, name in LANGUAGES.items()),
        Section("classes", _("分类"), reading.plain(CLASSES, suggested=suggested)),
        Section("indicators", _("指标"), reading.rows("indicators", _indicator)),
        Section("terms", str(pgettext_lazy("submission", "条件与权利")), reading.plain(ORDER)),
        Section("team", _("团队"), reading.rows("team", _member)),
        Section("attachments", _("附件"), reading.attachments()),
    ]
    shown = [section for section in found if section.lines]
    _place(shown, questions)
    return shown


def _place(shown: Sequence[Section], questions: Iterable[Any]) -> None:
    lines = [line for section in shown for line in section.lines]
    for question in questions:
        at = [line for line in lines if touches(question.field, line.field) or touches(line.field, question.field)]
        if at:
            at[0].questions.append(question)


class _Reading:
    def __init__(
        self,
        new: Mapping[str, Any],
        old: Mapping[str, Any],
        files: Mapping[int, Any],
        assets: Mapping[int, Any],
        *,
        compares: bool,
    ) -> None:
        self.new, self.old, self.files, self.assets, self.compares = new, old, files, assets, compares
        wanted: dict[str, set[str]] = {}
        for name, scheme in SCHEMES.items():
            values = [*_listed(new.get(name)), *_listed(old.get(name))]
            wanted.setdefault(scheme, set()).update(values)
        self.titles = {scheme: catalogue.codes_of(scheme, codes) for scheme, codes in wanted.items() if codes}

    def line(self, path: str, label: str, value: Any, before: Any, **more: Any) -> Line | None:
        if not value and not before:
            return None
        changed = self.compares and value != before
        return Line(path, label, value, before if changed else None, is_changed=changed, **more)

    def texts(self, lang: str) -> list[Line]:
        new, old = _version(self.new, lang), _version(self.old, lang)
        parts = ["title", *(part for part in TEXT_LABELS if part not in {"title", "origin"})]
        lines = [
            self.line(
                f"texts.{lang}.{part}",
                str(TEXT_LABELS[part]),
                new.get(part, ""),
                old.get(part, ""),
                lang=lang,
                is_long=part != "title",
            )
            for part in parts
        ]
        origin, before = self.chosen("origin", new.get("origin")), self.chosen("origin", old.get("origin"))
        if new.get("origin", Origin.AUTHOR) != Origin.AUTHOR:
            lines.append(self.line(f"texts.{lang}.origin", str(TEXT_LABELS["origin"]), origin, before))
        return [line for line in lines if line is not None]

    def plain(self, names: Iterable[str], suggested: Iterable[str] = ()) -> list[Line]:
        marked = set(suggested)
        lines = []
        for name in names:
            if name == "price":
                line = self.price()
            else:
                line = self.line(
                    name, str(LABELS[name]), self.shown(name, self.new.get(name)), self.shown(name, self.old.get(name))
                )
            if line is not None:
                line.is_suggested = name in marked
                lines.append(line)
        return lines

    def price(self) -> Line | None:
        new, old = _price(self.new), _price(self.old)
        line = self.line("price_kind", str(LABELS["price"]), vars(new) if new else "", vars(old) if old else "")
        if line is not None:
            line.price, line.price_before = new, old if line.is_changed else None
        return line

    def rows(self, name: str, show: Any) -> list[Line]:
        new, old = _rows(self.new, name), _rows(self.old, name)
        lines = []
        for n in range(max(len(new), len(old))):
            label = f"{ROW_LABELS[name]} {n + 1}"
            value = show(new[n]) if n < len(new) else ""
            before = show(old[n]) if n < len(old) else ""
            line = self.line(f"{name}.{n}", label, value, before)
            if line is not None:
                lines.append(line)
        return lines

    def attachments(self) -> list[Line]:
        old = {row.get("file_id"): row for row in _rows(self.old, "attachments")}
        lines = []
        for n, row in enumerate(_rows(self.new, "attachments")):
            stored = self.files.get(row.get("file_id"))  # type: ignore[arg-type]
            was = old.pop(row.get("file_id"), None)
            line = self.line(
                f"attachments.{n}",
                f"{ROW_LABELS['attachments']} {n + 1}",
                _attachment(row, stored),
                _attachment(was, stored) if was else "",
            )
            if line is not None:
                line.file = SimpleNamespace(file=stored, level=row.get("level", "")) if stored else None
                lines.append(line)
        lines += [
            Line("attachments", str(ROW_LABELS["attachments"]), "", _attachment(row, None), is_changed=True)
            for row in old.values()
        ]
        return lines

    def shown(self, name: str, value: Any) -> str:
        if value in (None, "", []):
            return ""
        if name in SCHEMES:
            return _("；").join(self.class_of(SCHEMES[name], code) for code in _listed(value))
        if name in CHOICES:
            return _("；").join(self.chosen(name, each) for each in _listed(value))
        if name == "asset_ids":
            return _("；").join(str(self.assets.get(n, n)) for n in _listed(value))
        if isinstance(value, list):
            return _("；").join(str(each) for each in value)
        return str(value)

    def class_of(self, scheme: str, code: str) -> str:
        entry = self.titles.get(scheme, {}).get(code)
        title = named(entry, "title") if entry else ""
        return title if scheme in {"field", "region"} and title else f"{code} {title}".strip()

    def chosen(self, name: str, value: Any) -> str:
        return str(CHOICES[name].get(value, value or ""))


# --- the stage tracker ------------------------------------------------------------------------------------------------

PATH = (S.DRAFT, S.ORGANISATION_REVIEW, S.PLATFORM_REVIEW, S.ACCEPTED)
OFF_THE_PATH = {
    S.RETURNED: (S.DRAFT, S.RETURNED, S.ORGANISATION_REVIEW, S.PLATFORM_REVIEW, S.ACCEPTED),
    S.DECLINED: (S.DRAFT, S.ORGANISATION_REVIEW, S.PLATFORM_REVIEW, S.DECLINED),
}


def stages(submission: Any) -> list[Stage]:
    """As the workflow says; what was sent back or declined stands where it happened."""
    path = OFF_THE_PATH.get(submission.state)
    if path is None:
        return submission_workflow.stages(submission)
    here = path.index(submission.state)
    word = {-1: "done", 0: "current", 1: "ahead"}
    return [Stage(s.value, str(s.label), word[(i > here) - (i < here)]) for i, s in enumerate(path)]


def complaint_stages(complaint: Any) -> list[Stage]:
    """Received, looked into, answered: whichever way it goes."""
    decided = complaint.state not in {C.OPEN, C.IN_REVIEW}
    last = str(C(complaint.state).label) if decided else _("答复")
    place = 2 if decided else int(complaint.state == C.IN_REVIEW)
    word = {-1: "done", 0: "current", 1: "ahead"}
    names = [(C.OPEN, str(C.OPEN.label)), (C.IN_REVIEW, str(C.IN_REVIEW.label)), (complaint.state, last)]
    return [Stage(state, name, word[(i > place) - (i < place)]) for i, (state, name) in enumerate(names)]


# --- the record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One line of the record, as this reader may see it."""

    note: Any
    who: str
    reason: str
    place: str
    text: str


def record(notes: Iterable[Any], actor: Actor) -> list[Entry]:
    """Names of the platform's people are for the platform's people."""
    return [Entry(note, _who(note, actor), _reason(note), place_name(note.field), _words(note)) for note in notes]


def _who(note: Any, actor: Actor) -> str:
    if note.person is None:
        return ""
    platform = note.step == ReviewStep.PLATFORM and note.kind not in {NoteKind.ANSWER, NoteKind.TAKEN_BACK}
    if platform and not actor.is_operator:
        return _("平台")
    return named(note.person)


def _words(note: Any) -> str:
    """Where an agreement still held, the note lists the places that had changed."""
    if note.kind == NoteKind.COVERED:
        return _("；").join(dict.fromkeys(place_name(path) for path in note.text.split(", ") if path))
    return str(note.text)


def _reason(note: Any) -> str:
    known = {**dict(SkipReason.choices), **dict(DeclineReason.choices)}
    return str(known.get(note.reason, "")) if note.reason else ""


def place_name(path: str) -> str:
    """texts.zh.title → 正文 中文 标题; indicators.2.value → 指标 3."""
    first, *rest = path.split(".")
    if first == "texts" and len(rest) > 1:
        return f"{TEXT_LABELS.get(rest[1], rest[1])} · {LANGUAGES.get(rest[0], rest[0])}"
    if first in ROW_LABELS:
        number = f" {int(rest[0]) + 1}" if rest and rest[0].isdigit() else ""
        return f"{ROW_LABELS[first]}{number}"
    if first.startswith("price_"):
        return str(LABELS["price"])
    return str(LABELS.get(first, first))


def reader_language() -> str:
    return "en" if (get_language() or "").startswith("en") else "zh"


def assets_of(content: Mapping[str, Any], organisation_id: int) -> dict[int, str]:
    """The names of the rights that the content lists."""
    wanted = [n for n in content.get("asset_ids") or [] if isinstance(n, int)]
    if not wanted:
        return {}
    rows = catalogue.assets_owned_by(organisation_id).filter(pk__in=wanted)
    return {row.pk: f"{row.get_kind_display()} {row.number} {named(row, 'title')}".strip() for row in rows}


# --- values as text ---------------------------------------------------------------------------------------------------


def named(thing: Any, prefix: str = "name") -> str:
    """`name_zh` or `name_en`, of a row or of a mapping, in the reader's language when it is there."""
    get = thing.get if isinstance(thing, Mapping) else lambda name: getattr(thing, name, "")
    first, second = ("en", "zh") if reader_language() == "en" else ("zh", "en")
    return str(get(f"{prefix}_{first}") or get(f"{prefix}_{second}") or "")


def _indicator(row: Mapping[str, Any]) -> str:
    comparator, value, high = row.get("comparator", ""), row.get("value", ""), row.get("high", "")
    sign = {Comparator.AT_LEAST: "≥ ", Comparator.AT_MOST: "≤ "}.get(comparator, "")
    size = f"{value}–{high}" if comparator == Comparator.RANGE else f"{sign}{value}"
    parts = [f"{named(row)} {size} {row.get('unit', '')}".strip(), named(row, "condition")]
    if "is_must" in row:
        parts.append(_("必须") if row["is_must"] else _("希望"))
    if row.get("current"):
        parts.append(f"{_('现在')} {row['current']}")
    if row.get("evidence"):
        parts.append(str(dict(Evidence.choices).get(row["evidence"], row["evidence"])))
    parts.append(named(row, "evidence"))
    return " · ".join(part for part in parts if part)


def _member(row: Mapping[str, Any]) -> str:
    return " · ".join(part for part in (named(row), named(row, "title"), named(row, "role")) if part)


def _attachment(row: Mapping[str, Any], stored: Any) -> str:
    level = str(dict(AttachmentLevel.choices).get(row.get("level", ""), ""))
    name = row.get("title") or (stored.name if stored else _("文件"))
    return " · ".join(part for part in (str(name), level) if part)


def _price(content: Mapping[str, Any]) -> Any:
    kind = content.get("price_kind") or ""
    if not kind:
        return None
    low, high = content.get("price_low"), content.get("price_high")
    if kind == PriceKind.AMOUNT and not (isinstance(low, int) or isinstance(high, int)):
        return None
    low, high = (low if isinstance(low, int) else high), (high if isinstance(high, int) else low)
    return SimpleNamespace(price_kind=kind, price_low=low, price_high=high, currency=content.get("currency") or "CNY")


def _version(content: Mapping[str, Any], lang: str) -> Mapping[str, Any]:
    texts = content.get("texts")
    version = texts.get(lang) if isinstance(texts, Mapping) else None
    return version if isinstance(version, Mapping) else {}


def _rows(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = content.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


# --- differences ------------------------------------------------------------------------------------------------------

PIECE = re.compile(r"[A-Za-z0-9.,%]+|\s+|.", re.DOTALL)


def difference(before: str, after: str) -> SafeString:
    """Both texts in one: what is gone in <del>, what is new in <ins>. Words of letters, and single Chinese characters."""
    old, new = PIECE.findall(before), PIECE.findall(after)
    if not before or not after or max(len(old), len(new)) > LONGEST_DIFF:
        parts = [("del", before), ("ins", after)]
    else:
        parts = []
        for tag, a1, a2, b1, b2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag == "equal":
                parts.append(("", "".join(old[a1:a2])))
            else:
                parts += [("del", "".join(old[a1:a2])), ("ins", "".join(new[b1:b2]))]
    return format_html_join("", "{}", ((_piece(tag, text),) for tag, text in parts if text))


def _piece(tag: str, text: str) -> SafeString:
    if tag == "del":
        return format_html("<del>{}</del>", text)
    return format_html("<ins>{}</ins>", text) if tag == "ins" else format_html("{}", text)


# --- drafts from texts --------------------------------------------------------------------------------------------------

# Why there is no draft, or nothing of the model in it.
PROBLEMS = {
    "unreadable": gettext_lazy("这个文件读不出来，可能已损坏或加了密码。请把文字粘贴进来，或另存为 DOCX 再试。"),
    "no_text": gettext_lazy("文件里没有文字，可能是扫描件。请把文字粘贴进来再试。"),
    "nothing_usable": gettext_lazy("模型的答复在原文里找不到依据，没有采用。"),
    "written_meanwhile": gettext_lazy("翻译期间这一栏有人填写了，译文没有采用。"),
    "NoConsent": gettext_lazy("本单位没有同意把未公开的内容发给外部模型，所以只用规则摘录。"),
    "CapReached": gettext_lazy("本月使用外部模型的费用已到上限，所以没有用模型。"),
    "": gettext_lazy("外部模型没有答复，所以没有用模型。"),
}


def problem_said(problem: str) -> str:
    return str(PROBLEMS.get(problem, PROBLEMS[""]))
