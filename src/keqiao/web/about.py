"""Texts of the pages about the platform that come from files and tables."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.utils.translation import gettext as _

import keqiao
from keqiao.matching.measured import Line
from keqiao.matching.types import Stone
from keqiao.web import presentation
from keqiao.web.presentation_markdown import Document, read_document

PACKAGE = Path(keqiao.__file__).parent


def stone_rule(stone: Stone) -> str:
    """How a stone's fit is worked out, in one sentence."""
    return {
        Stone.TECHNOLOGY: _(
            "两边互相对应的原文：共有的词（越少见越重）乘以含义的接近程度，取最好的三对；再看 IPC 分类重合到哪一级。"
        ),
        Stone.INDICATORS: _(
            "逐项比较指标，先换算单位。“必须”的权重是“希望”的两倍；“必须”没有达到，这块石头为零并标红。"
        ),
        Stone.MATURITY: _("达到要求的级别得满分，低一级、低两级递减；低三级及以上算未满足。"),
        Stone.MODES: _("双方都接受的合作方式得满分，相近的方式得一部分。"),
        Stone.PRICE: _("报价在预算内得满分，超出后递减，到预算两倍为零；任何一方面议算待确认。"),
        Stone.REGION: _("同城满分，同省、同国递减；需求方不限地区时得满分。"),
    }[stone]


def collection_name(line: Line) -> str:
    return line.name_en if presentation.language() == "en" else line.name_zh


def query_kind(line: Line) -> str:
    """What the queries of the line are; empty where the collection has one kind."""
    return {
        "problem": _("一段问题陈述"),
        "citation": _("引用它的论文"),
        "keyword": _("两个关键词"),
        "keywords": _("关键词"),
        "title": _("题名"),
        "xling_en": _("英文摘要找中文论文"),
    }.get(line.kind, line.kind)


@cache
def documents() -> list[Document]:
    """Where texts and code tables come from, with licences and attributions: the files themselves, as pages."""
    files = (
        PACKAGE / "demo" / "data" / "open" / "LICENCES.md",
        PACKAGE / "catalogue" / "data" / "codes" / "SOURCES.md",
    )
    return [read_document(file) for file in files if file.exists()]
