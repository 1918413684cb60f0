"""What stands beside a form: matches of the draft, what is missing, what is similar, what the text suggests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from keqiao.catalogue import selectors as catalogue
from keqiao.matching import drafts, refining
from keqiao.matching.passages import TextFigure
from keqiao.matching.types import Stone, Wanted
from keqiao.parties.types import Actor
from keqiao.submissions import selectors as submissions
from keqiao.submissions.models import Submission
from keqiao.web import presentation_figures
from keqiao.web.posting.presentation import id_of, label_of
from keqiao.web.posting.steps import STEPS, step_of
from keqiao.web.presentation import STONES, Words, anonymous_name, either, named, organisation_name

# Which key of the content each stone is read from, by kind.
ASKED_BY: Mapping[Stone, tuple[str, str]] = {
    Stone.TECHNOLOGY: ("texts.zh.problem", "texts.zh.summary"),
    Stone.INDICATORS: ("indicators", "indicators"),
    Stone.MATURITY: ("trl_min", "trl"),
    Stone.MODES: ("modes", "modes"),
    Stone.PRICE: ("price_kind", "price_kind"),
    Stone.REGION: ("region", "region"),
}
WHY: Mapping[Stone, Any] = {
    Stone.TECHNOLOGY: _("写清难题，才能判断技术领域"),
    Stone.INDICATORS: _("没有指标，这些分只能按未知计一半"),
    Stone.MATURITY: _("说明成熟度"),
    Stone.MODES: _("选合作方式"),
    Stone.PRICE: _("写数额，或写面议"),
    Stone.REGION: _("选所在地区"),
}
SCHEMES = {"field": "field", "ipc": "ipc", "gbt4754": "industry"}


def of_step(draft: Submission, step: int, *, actor: Actor) -> dict[str, Any]:
    """For the template: only what this step needs is worked out."""
    content, kind = draft.content, draft.kind
    shown = STEPS[kind][step - 1]
    said: dict[str, Any] = {
        "found": matches(draft, actor=actor),
        "gaps": gaps(kind, content),
        "clear": 100 - sum(gap.points for gap in drafts.gaps_of(kind, content)),
    }
    if "classes" in shown.groups:
        but = getattr(draft.item, "code", "")
        same = drafts.same_items(kind, content, actor=actor, but=but)
        said["same"] = [{**_titled(one.item), "percent": one.percent} for one in same]
        said["similar"] = [_titled(item) for item in drafts.similar_items(kind, content, actor=actor, but=but)]
        said["similar"] = [one for one in said["similar"] if one["code"] not in {row["code"] for row in said["same"]}]
        said["suggested"] = suggestions(kind, content, actor=actor)
    if "indicators" in shown.groups:
        said["figures"] = [_figure(found) for found in drafts.figures_in(kind, content)]
        said["usual"] = [_usual(want) for want in drafts.usual_indicators(content)] if kind == "need" else []
    return said


def matches(draft: Submission, *, actor: Actor, count: int = drafts.MOST_SHOWN) -> drafts.DraftMatches:
    """With the names that the actor may see: a need's publisher only where it shows itself."""
    found = drafts.matches_of_draft(draft.kind, draft.content, actor=actor, count=count)
    words = Words(catalogue.table)
    for row in found.best:
        if draft.kind == "achievement":
            publisher = catalogue.publisher_seen_by(actor, row.item)
            row.item.shown_name = organisation_name(publisher) if publisher else anonymous_name(row.item, words)
        else:
            row.item.shown_name = organisation_name(row.item.owner)
    return found


def gaps(kind: str, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    place = 0 if kind == "need" else 1
    found = []
    for gap in drafts.gaps_of(kind, content):
        path = ASKED_BY[gap.stone][place]
        found.append(
            {
                "points": gap.points,
                "stone": STONES[gap.stone],
                "why": WHY[gap.stone],
                "step": step_of(kind, path),
                "id": "indicators" if path == "indicators" else id_of(path),
            }
        )
    return found


def suggestions(kind: str, content: Mapping[str, Any], *, actor: Actor) -> list[dict[str, Any]]:
    """Classes to confirm, each with why it is suggested."""
    return [
        {
            "value": f"{SCHEMES[one.scheme]}:{one.code}",
            "scheme": label_of(kind, SCHEMES[one.scheme]),
            "code": "" if one.scheme == "field" else one.code,
            "title": named(one, "title"),
            "near": one.near,
            "words": one.words[:4],
        }
        for found in drafts.suggested_classes(kind, content, actor=actor).values()
        for one in found
    ]


def check(draft: Submission, *, actor: Actor) -> dict[str, Any]:
    """What to make clearer before it is handed in, each with the field where it is mended."""
    kind, content = draft.kind, draft.content
    said = refining.advice(kind, content)
    but = getattr(draft.item, "code", "")
    return {
        "advice": said,
        "vague": [
            {
                "word": one.word,
                "before": one.before,
                "after": one.after,
                "label": label_of(kind, f"texts.{one.lang}.{one.part}"),
                "step": step_of(kind, f"texts.{one.lang}.{one.part}"),
                "id": id_of(f"texts.{one.lang}.{one.part}"),
            }
            for one in said.vague
        ],
        "indicator_step": step_of(kind, "indicators"),
        "asked": [_asked(one) for one in said.asked],
        "same": [
            {**_titled(one.item), "percent": one.percent}
            for one in drafts.same_items(kind, content, actor=actor, but=but)
        ],
        "similar": [_titled(item) for item in drafts.similar_items(kind, content, actor=actor, but=but)],
    }


def _asked(one: refining.Asked) -> dict[str, Any]:
    return {"name": either(one.name_zh, one.name_en), "unit": one.unit, "witnesses": one.witnesses}


def open_questions(draft: Submission) -> list[dict[str, str]]:
    """What a reviewer asked when the draft came back, each at its field."""
    asked = submissions.open_questions(draft) if draft.state == "returned" else []
    return [
        {
            "label": label_of(draft.kind, note.field) if note.field else "",
            "text": note.text,
            "step": str(step_of(draft.kind, note.field)) if note.field else "",
            "id": id_of(note.field) if note.field else "",
        }
        for note in asked
    ]


def _titled(item: Any) -> dict[str, Any]:
    titles = {text.lang: text.title for text in item.texts.all()}
    kind = "needs" if hasattr(item, "publisher_id") else "achievements"
    return {
        "title": either(titles.get("zh", ""), titles.get("en", "")),
        "url": f"/{kind}/{item.code}",
        "code": item.code,
    }


def _figure(found: TextFigure) -> dict[str, Any]:
    """A figure of the text as a row to take over, with the sentence that states it."""
    want = found.want
    row = {
        "name_zh": want.name_zh,
        "name_en": want.name_en,
        "comparator": want.comparator,
        "value": _written(want.target),
        "high": _written(want.high),
        "unit": want.unit,
    }
    row["condition_zh" if want.name_zh else "condition_en"] = want.condition
    return {"row": json.dumps(row, ensure_ascii=False), **presentation_figures.shown(found)}


def _usual(want: Wanted) -> dict[str, str]:
    row = {"name_zh": want.name_zh, "name_en": want.name_en, "comparator": want.comparator, "unit": want.unit}
    row["comparator"] = "" if want.comparator == "range" else want.comparator
    name = either(want.name_zh, want.name_en).text
    return {"row": json.dumps(row, ensure_ascii=False), "said": f"{name} {want.unit}".strip()}


def _written(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"
