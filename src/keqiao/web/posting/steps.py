"""The five steps of each form: which parts of the content stand where, with the words that ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from keqiao.submissions.content import ACHIEVEMENT_ROW, NEED_ROW, TEAM_ROW


@dataclass(frozen=True)
class Part:
    """One field. `widget`: text, area, select, radios, checks, date, lines or words."""

    label: Any
    hint: Any = ""
    widget: str = "text"
    rows: int = 4
    longest: int = 0
    is_required: bool = False


@dataclass(frozen=True)
class Step:
    """One page.

    `texts` are parts of the language versions, `parts` keys of the content, `groups` tables of rows and other keys with
    a section of their own (`templates/posting/_<group>.html`).
    """

    name: Any
    title: Any
    lede: Any
    texts: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def writes(self) -> set[str]:
        """The keys of the content that this step writes; texts are written part by part."""
        return {*self.parts, *(key for group in self.groups for key in GROUP_KEYS.get(group, ()))}


TEXT_PARTS: Mapping[str, Mapping[str, Part]] = {
    "need": {
        "title": Part(_("标题"), _("对象加难题，三十个字以内，不写公司名。"), longest=300, is_required=True),
        "problem": Part(
            _("现在怎么做，卡在哪里"), _("给外行的工程师讲清楚就行，写出现在的数。"), "area", 6, is_required=True
        ),
        "background": Part(_("背景"), _("用在什么产品或工序上，为什么要解决。"), "area", 3),
        "tried": Part(_("试过什么"), _("试过的办法和结果，免得别人再提一遍。"), "area", 3),
        "wanted": Part(_("希望得到什么"), _("样品、工艺包、设备，还是一份可行性报告。"), "area", 3),
        "offers": Part(_("能提供什么"), _("实样、中试场地、运行数据等。"), "area", 3),
    },
    "achievement": {
        "title": Part(_("标题"), _("做法加用途，三十个字以内。"), longest=300, is_required=True),
        "summary": Part(_("摘要"), _("是什么，能做到多少，和现有办法比好在哪里。"), "area", 5, is_required=True),
        "problem": Part(_("解决什么"), _("谁在什么场合会遇到这个问题。"), "area", 3),
        "how": Part(_("怎么做到"), _("写到同行能判断可行，不必写诀窍。"), "area", 3),
        "incumbent": Part(_("现在怎么做"), _("今天通行的办法和它的不足。"), "area", 3),
        "advantage": Part(_("好在哪里"), _("用数说话，例如“寿命由 90 天到 360 天”。"), "area", 3),
        "stage": Part(_("到了哪一步"), _("小试、中试还是已有用户，规模多大。"), "area", 3),
    },
}

PARTS: Mapping[str, Part] = {
    "field": Part(_("领域"), _("平台按领域归类，匹配不只看它。"), "select", is_required=True),
    "ipc": Part(_("IPC 分类号"), _("几个都行，用逗号隔开，例如 B01D 71/56。"), "words"),
    "industry": Part(_("国民经济行业"), _("GB/T 4754 代码，用逗号隔开，例如 26。"), "words"),
    "keywords_zh": Part(_("中文关键词"), _("用逗号隔开，例如 纳滤，耐酸，提锂。"), "words"),
    "keywords_en": Part(_("英文关键词"), _("用逗号隔开，例如 nanofiltration, acid-resistant。"), "words"),
    "trl_min": Part(_("成熟度要求"), _("至少到哪一级才用得上。"), "select"),
    "trl": Part(_("技术成熟度"), _("选已经做到的那一级，不选正在做的。"), "select"),
    "trl_evidence_zh": Part(_("成熟度的依据"), _("一行一条，例如“2025 年 6 月完成 200 小时中试”。"), "lines", 3),
    "trl_evidence_en": Part(_("成熟度的依据（英文）"), _("一行一条。"), "lines", 3),
    "modes": Part(_("合作方式"), _("可以多选；不选就是都可以谈。"), "checks"),
    "deadline": Part(_("截止"), _("到这一天收方案为止，不填就是长期。"), "date"),
    "region": Part(_("所在地区"), _("从地区表里选。"), "select"),
    "region_wish": Part(_("对方在哪里"), "", "radios"),
    "publisher_shown": Part(_("谁能看到单位名称"), "", "radios"),
    "budget_shown": Part(_("谁能看到预算"), "", "radios"),
    "ownership": Part(_("成果归谁"), _("已经赋权给完成人的，选“已赋权”。"), "select"),
    "price_for": Part(_("这个价格对应"), _("例如转让价还是许可费。"), "select"),
    "unit_zh": Part(_("院系或部门"), _("例如 材料科学与工程学院。"), longest=120),
    "unit_en": Part(_("院系或部门（英文）"), "", longest=120),
    "disclosed_on": Part(_("披露日期"), _("向单位披露的日期，没有就不填。"), "date"),
    "external_id": Part(_("本单位编号"), _("便于以后批量更新，例如 KJ-2026-015。"), longest=80),
}

GROUP_KEYS: Mapping[str, tuple[str, ...]] = {
    "classes": ("field", "ipc", "industry", "keywords_zh", "keywords_en"),
    "indicators": ("indicators",),
    "price": ("price_kind", "price_low", "price_high", "currency", "price_unit"),
    "files": ("attachments",),
    "rights": ("asset_ids",),
    "team": ("team",),
}
ROWS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "need": {"indicators": NEED_ROW},
    "achievement": {"indicators": ACHIEVEMENT_ROW, "team": TEAM_ROW},
}

STEPS: Mapping[str, tuple[Step, ...]] = {
    "need": (
        Step(
            pgettext_lazy("step", "问题"),
            _("要解决什么问题"),
            _("先讲难处，再讲背景。写在这里的话会公开，不写公司名和人名。"),
            texts=("title", "problem", "background", "tried"),
            groups=("classes",),
        ),
        Step(
            pgettext_lazy("step", "指标"),
            _("做到什么程度算解决"),
            _("写能测的数。指标越清楚，匹配越准，收到的方案也越少跑题。"),
            texts=("wanted", "offers"),
            groups=("indicators",),
        ),
        Step(
            pgettext_lazy("step", "条件"),
            _("合作条件"),
            _("预算、期限和合作方式都会参与打分，没想好的可以写面议。"),
            parts=("modes", "trl_min", "deadline", "region", "region_wish"),
            groups=("price",),
        ),
        Step(
            pgettext_lazy("step", "公开范围"),
            _("谁能看到"),
            _("需求本身总是公开的；单位名称、预算和附件由您决定给谁看。"),
            parts=("publisher_shown", "budget_shown", "external_id"),
            groups=("files",),
        ),
        Step(
            pgettext_lazy("step", "核对并提交"), _("核对并提交"), _("提交后先由本单位审核，再由平台审核，通过后公开。")
        ),
    ),
    "achievement": (
        Step(
            pgettext_lazy("step", "成果"),
            _("做出了什么"),
            _("给用得上它的工程师看。写在这里的话会公开，不写技术诀窍。"),
            texts=("title", "summary", "problem", "how", "incumbent", "advantage"),
            groups=("classes",),
        ),
        Step(
            pgettext_lazy("step", "指标"),
            _("做到了多少，到了哪一步"),
            _("每个数都说明怎么测的。有第三方检测的，匹配时更可信。"),
            texts=("stage",),
            parts=("trl", "trl_evidence_zh", "trl_evidence_en"),
            groups=("indicators",),
        ),
        Step(
            pgettext_lazy("step", "权利与团队"),
            _("权利与团队"),
            _("说明归谁所有、有哪些知识产权、由谁来做。"),
            parts=("ownership", "disclosed_on", "unit_zh", "unit_en"),
            groups=("rights", "team"),
        ),
        Step(
            pgettext_lazy("step", "条件与附件"),
            _("合作条件与附件"),
            _("价格可以写面议；附件按三个级别公开。"),
            parts=("modes", "price_for", "region", "external_id"),
            groups=("price", "files"),
        ),
        Step(
            pgettext_lazy("step", "核对并提交"), _("核对并提交"), _("提交后先由本单位审核，再由平台审核，通过后公开。")
        ),
    ),
}
LAST = 5


def step_of(kind: str, path: str) -> int:
    """On which step a problem's field stands; the first one when nobody knows it."""
    head, _dot, rest = path.partition(".")
    part = rest.split(".")[1] if head == "texts" and "." in rest else ""
    for number, step in enumerate(STEPS[kind], start=1):
        if (part and part in step.texts) or head in step.writes():
            return number
    return 1
