"""Submissions in every state and a complaint, so that a demo has something to review. All of it is fiction."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.models import Achievement
from keqiao.catalogue.types import ItemState
from keqiao.parties.selectors import actor_for
from keqiao.parties.types import Actor
from keqiao.submissions import services
from keqiao.submissions.models import Submission
from keqiao.submissions.types import SubmissionKind

AUTHOR, OFFICER, MANAGER, BROKER, OPERATOR = (
    "lin@lut.example",
    "shen@lut.example",
    "xu@chengyuan.example",
    "gu@ltt.example",
    "admin@ltt.example",
)


def load() -> None:
    """Through the ordinary commands, as the demo's own people. Twice is once."""
    if Submission.objects.exists():
        return
    author, officer, manager, broker, operator = (
        _actor(email) for email in (AUTHOR, OFFICER, MANAGER, BROKER, OPERATOR)
    )
    _draft(author, SubmissionKind.ACHIEVEMENT, DRAFT)
    _submitted(author, BRINE)
    _asked(author, officer, COATING)
    _at_platform(author, officer, SENSOR)
    _declined(author, officer, operator, CONSULTING)
    _accepted(author, officer, operator, ADHESIVE)
    need = _draft(manager, SubmissionKind.NEED, CLEANING)
    services.submit(actor=manager, code=need.code, revision=need.revision)
    _complaint(broker)


def _actor(email: str) -> Actor:
    return actor_for(get_user_model().objects.get(email=email))


def _draft(actor: Actor, kind: str, content: dict[str, Any]) -> Submission:
    place = actor.acting_for or min(actor.organisation_ids)
    return services.start_draft(actor=actor, kind=kind, organisation_id=place, content=content)


def _submitted(author: Actor, content: dict[str, Any]) -> Submission:
    draft = _draft(author, SubmissionKind.ACHIEVEMENT, content)
    return services.submit(actor=author, code=draft.code, revision=draft.revision)


def _at_platform(author: Actor, officer: Actor, content: dict[str, Any]) -> Submission:
    found = _submitted(author, content)
    return services.approve(actor=officer, code=found.code, revision=found.revision, text="材料齐全。")


def _asked(author: Actor, officer: Actor, content: dict[str, Any]) -> None:
    found = _submitted(author, content)
    services.return_to_author(
        actor=officer,
        code=found.code,
        revision=found.revision,
        text="请补充测试条件。",
        questions=[{"field": "indicators.0", "text": "盐雾试验按哪个标准做的？"}],
    )


def _declined(author: Actor, officer: Actor, operator: Actor, content: dict[str, Any]) -> None:
    found = _at_platform(author, officer, content)
    services.decline(
        actor=operator,
        code=found.code,
        revision=found.revision,
        reason="out_of_scope",
        text="这是一项培训服务，不是可以转化的技术成果。",
    )


def _accepted(author: Actor, officer: Actor, operator: Actor, content: dict[str, Any]) -> None:
    found = _at_platform(author, officer, content)
    services.accept(actor=operator, code=found.code, revision=found.revision, confirms_classification=True)


def _complaint(broker: Actor) -> None:
    """About the first fictional achievement that is not the broker's own organisation's."""
    rows = Achievement.objects.filter(is_fictional=True, state=ItemState.PUBLISHED)
    code = rows.exclude(owner_id__in=broker.organisation_ids).order_by("pk").values_list("code", flat=True).first()
    if code is None:
        return
    services.make_complaint(
        actor=broker,
        kind=SubmissionKind.ACHIEVEMENT,
        item_code=catalogue.get_achievement(code, actor=broker).code,
        reason="untrue",
        text="页面上的一项指标与团队公开的测试报告不一致，请核实。",
    )


def _result(title: str, summary: str, *, en: tuple[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    texts = {"zh": {"title": title, "summary": summary}}
    if en:
        texts["en"] = {"title": en[0], "summary": en[1]}
    return {
        "texts": texts,
        "field": "materials",
        "modes": ["license_nonexclusive", "development"],
        "price_kind": "negotiable",
        **fields,
    }


DRAFT = _result("可拆卸的低温固化胶黏剂", "在 60 ℃ 固化、120 ℃ 可拆的结构胶，尚在整理数据。", trl=4)
BRINE = _result(
    "高盐废水电渗析浓缩工艺",
    "用均相膜堆把 4% 的含盐废水浓缩到 18%，吨水电耗低于 9 kWh。",
    en=(
        "Electrodialysis for concentrating saline wastewater",
        "A stack of homogeneous membranes takes wastewater from 4% to 18% salt at less than 9 kWh per tonne.",
    ),
    trl=6,
    indicators=[
        {
            "name_zh": "浓缩后含盐量",
            "name_en": "salt content after concentration",
            "comparator": ">=",
            "value": "18",
            "unit": "%",
            "evidence": "self_measured",
        }
    ],
    ipc=["C02F 1/469"],
)
COATING = _result(
    "海上风电塔筒水性防腐涂层",
    "两道施工、常温固化的水性涂层，用于海上风电塔筒内壁。",
    trl=7,
    indicators=[
        {
            "name_zh": "耐盐雾时间",
            "name_en": "salt-spray resistance",
            "comparator": ">=",
            "value": "3000",
            "unit": "h",
            "evidence": "third_party",
        }
    ],
)
SENSOR = _result(
    "膜组件在线完整性传感器",
    "贴在膜壳外侧的声学传感器，十秒内发现断丝，无须停机。",
    trl=5,
    indicators=[
        {
            "name_zh": "响应时间",
            "name_en": "response time",
            "comparator": "<=",
            "value": "10",
            "unit": "s",
            "evidence": "self_measured",
        }
    ],
    ipc=["B01D 65/10"],
)
CONSULTING = _result("膜分离技术培训课程", "面向企业工程师的三天培训课程。")
ADHESIVE = _result(
    "免底涂的橡胶金属粘接剂",
    "一次涂覆即可硫化粘接橡胶与钢件，省去底涂和烘干。",
    en=(
        "Primer-free adhesive for rubber and metal",
        "Bonds rubber to steel during vulcanisation in one coat, without primer or drying.",
    ),
    trl=6,
    indicators=[
        {
            "name_zh": "剥离强度",
            "name_en": "peel strength",
            "comparator": ">=",
            "value": "9",
            "unit": "kN/m",
            "evidence": "third_party",
        }
    ],
)
CLEANING: dict[str, Any] = {
    "texts": {
        "zh": {
            "title": "提锂卤水纳滤膜的免酸清洗",
            "problem": "卤水里的钙镁在膜面结垢，每周要用酸洗两次，膜寿命缩短一半。希望有不用酸的清洗办法。",
        },
        "en": {
            "title": "Cleaning nanofiltration membranes in lithium brine without acid",
            "problem": "Calcium and magnesium scale the membranes; two acid washes a week halve their life.",
        },
    },
    "field": "materials",
    "modes": ["development", "service"],
    "price_kind": "amount",
    "price_low": 50_000_000,
    "price_high": 80_000_000,
    "budget_shown": "matched",
    "trl_min": 5,
    "region_wish": "any",
    "indicators": [
        {
            "name_zh": "清洗后通量恢复率",
            "name_en": "flux recovery after cleaning",
            "comparator": ">=",
            "value": "95",
            "unit": "%",
            "is_must": True,
        }
    ],
}
