"""Words for pages of contexts below the catalogue: the site's regions, the parts of an organisation's page."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.parties.types import Qualification, Scheme
from keqiao.web import presentation

register = template.Library()


def _words(context: template.Context) -> presentation.Words:
    """Read once a page."""
    words = context.render_context.get("region_words") or presentation.Words(catalogue.table)
    context.render_context["region_words"] = words
    return words


@register.simple_tag(takes_context=True)
def region_options(context: template.Context) -> list[tuple[str, presentation.Said]]:
    """(code, name) of all regions, in the table's own order."""
    words = _words(context)
    return [(code, words.region(code)) for code in words.table("region")]


@register.simple_tag(takes_context=True)
def region_said(context: template.Context, code: str) -> Any:
    return _words(context).region(code) if code else ""


@register.filter
def part_name(name: str) -> str:
    """A field of the record of changes, for example identifier.lei."""
    head, _dot, tail = name.partition(".")
    known = {
        "name_zh": _("中文全称"),
        "name_en": _("英文名称"),
        "short_zh": _("中文简称"),
        "short_en": _("英文简称"),
        "about_zh": _("中文介绍"),
        "about_en": _("英文介绍"),
        "region": _("所在地区"),
        "logo": _("标志"),
        "alias": _("别名"),
        "identifier": _("标识"),
        "qualification": _("资质"),
    }.get(head, head)
    labels = {**dict(Scheme.choices), **dict(Qualification.choices)}
    return f"{known} {labels.get(tail, tail)}" if tail else known
