"""Tags and filters of the design: icon, trl, arch, ladder steps, language-marked text."""

from __future__ import annotations

import json
import logging
import math
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from keqiao.kernel.pages import actor_of
from keqiao.matching.types import Arch, StoneResult, Verdict
from keqiao.parties.selectors import logo_address, sees_logo
from keqiao.web import about, presentation, presentation_reasons, presentation_rules
from keqiao.web.presentation_markdown import Document, markdown

register = template.Library()
log = logging.getLogger("keqiao.web")

# --- small things -----------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, cls: str = "") -> SafeString:
    """An icon of the sprite; always beside words or inside something that has a label."""
    return format_html('<svg class="i {}" aria-hidden="true"><use href="{}#i-{}"/></svg>', cls, _sprite(), name)


@lru_cache(maxsize=1)
def _sprite() -> str:
    """The same for as long as the process runs: a page has dozens of icons."""
    return static("icons.svg")


@register.filter
def said(value: Any) -> SafeString:
    """Content with its language: escaped, in <span lang> where the page's language is another."""
    if not value:
        return SafeString("")
    if isinstance(value, str):
        value = presentation.guess(value)
    return value.html


register.filter("day", presentation.day)
register.filter("minute", presentation.minute)
register.filter("named", lambda thing, prefix="name": presentation.named(thing, prefix))
register.filter("number", presentation.number)
register.filter("share", presentation.share)
register.filter("jurisdiction", presentation_rules.jurisdiction)
register.filter("price", presentation.price_of)
register.filter("version", presentation.version_of)
register.filter("mode", presentation.mode_name)
register.filter("chips", presentation.chips)
register.filter("label", presentation.label)
register.filter("question", presentation.question)
register.filter("asked", presentation.asked)
register.filter("offered", presentation.offered)
register.filter("region_name", lambda code, words: words.region(code))
register.filter("stone_name", lambda stone: presentation.STONES[stone])
register.filter("verdict_name", lambda verdict: presentation.VERDICTS[verdict])
register.filter("verdict_kind", lambda verdict: presentation.KIND[verdict])
register.filter("parameter_value", presentation_rules.parameter_value)
register.filter("wanted_quantity", lambda row: presentation.quantity(row.comparator, row.target, row.high))
register.filter("offered_quantity", lambda row: presentation.quantity(row.comparator, row.value, row.high))
register.filter("passage_field", presentation.passage_field)
register.filter("passage_text", presentation.passage_text)
register.filter("indicator_name", lambda row: presentation.sentence(presentation.named(row)))
register.filter("owner_name", presentation.organisation_name)
register.filter("collection_name", about.collection_name)
register.filter("query_kind", about.query_kind)
register.filter("signed", lambda value: f"{value:+.3f}".replace("-", "−"))


@register.simple_tag
def json_ld(schema: Any) -> SafeString:
    """schema.org data. A data block is not a script: the content security policy does not concern it."""
    text = json.dumps(schema, ensure_ascii=False).translate(
        {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
    )
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(text))  # noqa: S308 -- escaped above


register.filter("paragraphs", presentation_reasons.paragraphs)
register.filter("quote_part", presentation_reasons.part_name)


@register.simple_tag(takes_context=True)
def item_text(context: template.Context, part: str) -> SafeString:
    """One part of the shown version of an item in paragraphs; the passage that the reader came for is marked."""
    version = context["version"]
    text = getattr(version.text, part)
    return presentation_reasons.paragraphs(text, version.lang, part, context.get("cited"))


@register.simple_tag(takes_context=True)
def item_line(context: template.Context, part: str, said: Any) -> SafeString:
    """The title or the keywords of an item, likewise."""
    return presentation_reasons.line(said, part, context.get("cited"))


@register.simple_tag
def quote_address(item: Any, kind: str, quote: Any) -> str:
    return presentation_reasons.quote_address(item, kind, quote)


register.filter("title_text", lambda version: version.title.text)
register.filter("part_mark", presentation_reasons.part_mark)
register.filter("combination_parts", presentation_reasons.parts)
register.filter("combination_address", presentation_reasons.combination_address)
register.filter("asked_address", presentation_reasons.asked_address)
register.filter("offered_address", presentation_reasons.offered_address)


@register.simple_tag(takes_context=True)
def address(context: template.Context, **changes: Any) -> str:
    """The page's own address with some parameters changed; the page number is dropped unless it is given."""
    query = context["request"].GET.copy()
    query.pop("lang", None)
    for name, value in {"page": "", **changes}.items():
        if isinstance(value, list | tuple):
            query.setlist(name, [str(each) for each in value])
        elif value in {"", None}:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}" if query else context["request"].path


@register.filter
def oneline(text: str) -> SafeString:
    """Rendered text on one line, for the title and the description of a page."""
    return mark_safe(" ".join(text.split()))  # noqa: S308 -- what was rendered is escaped already


@register.filter
def initial(value: Any) -> SafeString:
    """The first character of a name, for its avatar."""
    text = value if isinstance(value, presentation.Said) else presentation.guess(str(value))
    return presentation.Said(text.text.strip()[:1], text.lang).html


@register.simple_tag(takes_context=True)
def org_avatar(context: template.Context, organisation: Any, cls: str = "") -> SafeString:
    """The organisation's logo, or the first character of its name; the name itself stands beside it."""
    if sees_logo(actor_of(context["request"]), organisation):
        return format_html(
            '<img class="avatar is-org is-logo {}" src="{}" alt="" width="64" height="64" loading="lazy">',
            cls,
            logo_address(organisation),
        )
    name = presentation.organisation_name(organisation)
    return format_html('<span class="avatar is-org {}" aria-hidden="true">{}</span>', cls, initial(name))


@register.filter
def marked(passage: Any) -> SafeString:
    """A passage with its marked stretches in <mark>, in its own language."""
    parts: list[str] = []
    at = 0
    for start, end in sorted(passage.marks):
        if start < at or end > len(passage.text):
            continue
        parts.append(f"{escape(passage.text[at:start])}<mark>{escape(passage.text[start:end])}</mark>")
        at = end
    inner = mark_safe("".join((*parts, escape(passage.text[at:]))))  # noqa: S308 -- each piece is escaped
    lang = presentation.guess(passage.text).lang
    return (
        inner
        if lang == presentation.language()
        else format_html('<span lang="{}">{}</span>', presentation.TAGS[lang], inner)
    )


# --- technology readiness ---------------------------------------------------------------------------------------------


@register.simple_tag
def trl(level: int | None) -> SafeString:
    """Nine small bars."""
    return _trl(level, presentation.language()) if level else SafeString("")


@lru_cache(maxsize=64)
def _trl(level: int, language: str) -> SafeString:  # noqa: ARG001 -- what the label is written in
    bars = format_html_join(
        "", '<i style="--n:{}"{}></i>', ((n, mark_safe(' class="on"') if n <= level else "") for n in range(1, 10))
    )
    return format_html(
        '<span class="trl" role="img" aria-label="{}">{}</span>',
        _("技术成熟度 %(level)s 级，共 9 级") % {"level": level},
        bars,
    )


@register.simple_tag
def ladder(level: int, goal: int | None = None) -> SafeString:
    """The nine rungs with their names; `goal` is the next one to reach."""
    items = []
    for n, name in enumerate(presentation.RUNGS, start=1):
        mark = (
            ' aria-current="step"'
            if n == level
            else ' class="on"'
            if n < level
            else ' class="goal"'
            if n == goal
            else ""
        )
        items.append(format_html('<li{} style="--n:{}"><b>{}</b><span>{}</span></li>', mark_safe(mark), n, n, name))  # noqa: S308 -- our own attributes
    return format_html('<ol class="ladder">{}</ol>', format_html_join("", "{}", ((item,) for item in items)))


# --- the match arch ---------------------------------------------------------------------------------------------------

SMALL = {"w": 72, "h": 42, "cx": 36, "cy": 37, "R": 34, "r": 22, "gap": 0.05}
LARGE = {"w": 460, "h": 250, "cx": 230, "cy": 214, "R": 150, "r": 98, "gap": 0.018}
FULL = 0.75  # a stone from this fit on is drawn solid


@register.simple_tag
def arch(match: Arch, size: str = "s", score: int | None = None) -> SafeString:
    """The match arch: one stone per factor, wide as its weight, high as its fit. `score` is what the page shows beside it.

    The number under the arch is the sum of the stones. Where they disagree the mistake is logged and nothing is drawn.
    """
    if not _adds_up(match, score):
        return SafeString("")
    large = size == "l"
    g = LARGE if large else SMALL
    total = sum(stone.weight for stone in match.stones)
    angle = math.pi
    stones: list[str] = []
    words: list[SafeString] = []
    for stone in match.stones:
        span = math.pi * stone.weight / total
        begin, end, middle = angle - g["gap"] / 2, angle - span + g["gap"] / 2, angle - span / 2
        angle -= span
        stones.append(_stone(stone, g, begin, end))
        if large:
            words.append(_words(stone, g, middle))
    return format_html(
        '<svg class="arch" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}{}</svg>',
        g["w"],
        g["h"],
        g["w"],
        g["h"],
        presentation.explain(match),
        mark_safe("".join(stones)),  # noqa: S308 -- numbers only
        _piers(g, _parts(match), large=large),
        _centre(match.score, g, large=large),
        format_html_join("", "{}", ((word,) for word in words)),
    )


def _adds_up(match: Arch, score: int | None) -> bool:
    points = [stone.points for stone in match.stones]
    right = (
        bool(points)
        and all(isinstance(p, int) and 0 <= p <= stone.weight for p, stone in zip(points, match.stones, strict=True))
        and sum(points) == match.score
        and score in {None, match.score}
    )
    if not right:
        log.error("an arch does not add up", extra={"score": match.score, "shown": score, "stones": points})
    return right


def _stone(stone: StoneResult, g: dict[str, float], begin: float, end: float) -> str:
    whole = _wedge(g, g["R"], begin, end)
    if stone.verdict is Verdict.UNMET:
        return f'<path class="gap" d="{whole}"/>'
    if stone.verdict is Verdict.UNKNOWN:
        return f'<path class="ask" d="{whole}"/>'
    drawn = f'<path class="bed" d="{whole}"/>'
    if stone.fit > 0:
        kind = "fill" if stone.fit >= FULL else "part"
        drawn += f'<path class="{kind}" d="{_wedge(g, g["r"] + (g["R"] - g["r"]) * min(stone.fit, 1), begin, end)}"/>'
    return drawn


def _wedge(g: dict[str, float], outer: float, begin: float, end: float) -> str:
    def at(radius: float, angle: float) -> str:
        return f"{g['cx'] + radius * math.cos(angle):.2f} {g['cy'] - radius * math.sin(angle):.2f}"

    inner = g["r"]
    return (
        f"M{at(inner, begin)}L{at(outer, begin)}A{outer:.2f} {outer:.2f} 0 0 1 {at(outer, end)}"
        f"L{at(inner, end)}A{inner:.2f} {inner:.2f} 0 0 0 {at(inner, begin)}Z"
    )


def _words(stone: StoneResult, g: dict[str, float], middle: float) -> SafeString:
    x, y = g["cx"] + (g["R"] + 14) * math.cos(middle), g["cy"] - (g["R"] + 14) * math.sin(middle)
    side = math.cos(middle)
    anchor = "end" if side < -0.25 else "start" if side > 0.25 else "middle"
    lift = -4 if anchor == "middle" else 4
    return format_html(
        '<text class="lbl" x="{x}" y="{y1}" text-anchor="{a}">{name}</text>'
        '<text class="pv" x="{x}" y="{y2}" text-anchor="{a}">{points}</text>',
        x=f"{x:.1f}",
        y1=f"{y + lift - 7:.1f}",
        y2=f"{y + lift + 8:.1f}",
        a=anchor,
        name=f"{presentation.STONES[stone.stone]} {presentation_reasons.parts_of_stone(stone)}".strip(),
        points=presentation.stone_points(stone),
    )


def _parts(match: Arch) -> int:
    """How many achievements stand on the right bank: more than one in a combination."""
    return 1 + max((f.part for stone in match.stones for f in stone.findings if f.part is not None), default=0)


def _piers(g: dict[str, float], parts: int, *, large: bool) -> SafeString:
    """The yellow pier of the need, and a blue one for each achievement, side by side."""
    out, wide, high = (4, 8, 8) if large else (1, 2, 3)
    width, gap = g["R"] - g["r"] + wide, 3 if large else 1
    each = (width - gap * (parts - 1)) / parts
    first = g["cx"] + g["r"] - out
    piers = [("pier-d", g["cx"] - g["R"] - out, g["cy"] + 2, width, high)]
    piers += [("pier-s", round(first + n * (each + gap), 2), g["cy"] + 2, round(each, 2), high) for n in range(parts)]
    return format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1"/>', piers)


def _centre(score: int, g: dict[str, float], *, large: bool) -> SafeString:
    cx, cy = g["cx"], g["cy"]
    if not large:
        return format_html(
            '<text class="score" x="{}" y="{}" text-anchor="middle" font-size="17">{}</text>', cx, cy + 1, score
        )
    half = (g["R"] + g["r"]) / 2
    return format_html(
        '<text class="score" x="{cx}" y="{y1}" text-anchor="middle" font-size="52">{score}</text>'
        '<text class="pv" x="{cx}" y="{cy}" text-anchor="middle">{of}</text>'
        '<text class="lbl" x="{left}" y="{y2}" text-anchor="middle">{need}</text>'
        '<text class="lbl" x="{right}" y="{y2}" text-anchor="middle">{result}</text>',
        cx=cx,
        cy=cy,
        y1=cy - 22,
        y2=cy + 26,
        score=score,
        of=_("匹配度 / 100"),
        left=cx - half,
        right=cx + half,
        need=pgettext("match", "需求"),
        result=pgettext("match", "成果"),
    )


@register.filter
def at(rows: Any, place: int) -> Any:
    return rows[place]


@register.filter
def document(text: str) -> Document:
    """A text in Markdown that operators or the repository wrote, escaped: `.title` heads the page, so parts are <h2>."""
    read = markdown(text)
    body = read.body.replace("<h3>", "<h2>").replace("</h3>", "</h2>").replace("<h4>", "<h3>").replace("</h4>", "</h3>")
    return Document(read.title, mark_safe(body), read.lang)  # noqa: S308 -- escaped by markdown()
