"""Experts and brokers of the demo, and two plans: one that waits to be confirmed, one with each answer. Loaded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth import get_user_model

from keqiao.accounts import services as consents
from keqiao.accounts.types import REQUIRED, ConsentWay
from keqiao.catalogue import selectors as catalogue
from keqiao.experts import selectors, services, tasks
from keqiao.experts.models import Assignment, ExpertProfile
from keqiao.parties import selectors as parties
from keqiao.parties import services as people
from keqiao.parties.types import Actor

OPERATOR, RESEARCHER, BROKER = "admin@ltt.example", "lin@lut.example", "gu@ltt.example"

# name zh, name en, organisation key, title zh, title en, expertise, statement zh, statement en, papers
EXPERTS = (
    (
        "潘予衡", "Pan Yuheng", "lju", "教授", "Professor", "三嗪单体，纳滤膜，耐酸分离层",
        "三嗪类单体合成，耐酸纳滤膜分离层的配方和失效分析。",
        "Triazine monomers, acid-stable separation layers of nanofiltration membranes, failure analysis.",
        (
            ("强酸条件下聚三嗪胺纳滤膜的水解与截留变化", 2023),
            ("Acid-stable thin-film composite membranes from triazine monomers", 2024),
        ),
    ),
    (
        "骆知衍", "Luo Zhiyan", "dpu", "教授", "Professor", "膜再生，聚酰胺，水处理",
        "聚酰胺纳滤膜的清洗、修复与寿命评估。", "Cleaning, repair and service life of polyamide membranes.",
        (("聚酰胺膜酸洗损伤的原位修复", 2022),),
    ),
    (
        "贺兰征", "He Lanzheng", "lut", "教授", "Professor", "狭缝涂布，在线测厚，卷对卷",
        "卷对卷涂布线的厚度测量与闭环控制。", "Thickness measurement and control of roll-to-roll coating lines.",
        (("狭缝涂布厚度的在线测量与闭环控制", 2021),),
    ),
    (
        "封砚秋", "Feng Yanqiu", "dpu", "教授", "Professor", "陶瓷膜，酸洗废液",
        "管式陶瓷膜在酸洗废液里的应用。", "Tubular ceramic membranes for pickling liquor.",
        (("管式陶瓷纳滤膜处理铜箔酸洗废液", 2024),),
    ),
    (
        "尹书遥", "Yin Shuyao", "lju", "教授", "Professor", "锂萃取，湿法冶金",
        "废电池浸出液里锂的选择性萃取。", "Selective extraction of lithium from leach liquor.",
        (("冠醚类萃取剂对锂的选择性", 2023),),
    ),
    (
        "温砚澄", "Wen Yancheng", "lmu", "主任医师", "Chief physician", "数字病理，图像增强",
        "术中冰冻切片的图像质量与判读。", "Image quality and reading of frozen sections.",
        (("低照度病理图像的自监督增强", 2024),),
    ),
    (
        "季怀谨", "Ji Huaijin", "lmu", "教授", "Professor", "即时检测，微流控",
        "微流控即时检测试剂与仪器。", "Microfluidic point-of-care tests.",
        (("微流控荧光免疫层析定量检测肌钙蛋白", 2022),),
    ),
    (
        "路景慈", "Lu Jingci", "lmu", "教授", "Professor", "可降解金属，骨科植入",
        "锌合金和镁合金植入物的降解与力学。", "Degradation and mechanics of zinc and magnesium implants.",
        (("锌锂锰合金接骨板的体内降解", 2023),),
    ),
)  # fmt: skip
# name zh, name en, title zh, title en, expertise, statement zh, statement en
BROKERS = (
    (
        "商未迟", "Shang Weichi", "高级技术经理人", "Senior broker", "膜材料，水处理，中试对接",
        "八年膜与水处理项目对接，熟悉中试放大和试用协议。",
        "Eight years of membrane and water projects: pilots and trial agreements.",
    ),
    (
        "蔚知行", "Wei Zhixing", "技术经理人", "Broker", "医疗器械，注册，临床对接",
        "医疗器械项目的注册路径与医院试用。", "Registration and hospital trials of medical devices.",
    ),
)  # fmt: skip
FITTING = 20  # points from which a need is worth a place in the plans
Progress = Callable[[str], None]


def load(organisations: Mapping[str, int], *, password: str, progress: Progress = print) -> None:
    """After the items: achievements speak for those whom their teams name."""
    if ExpertProfile.objects.exists():
        return
    progress("experts and assignments")
    for number, row in enumerate(EXPERTS, start=1):
        zh, en, key, title_zh, title_en, words, said_zh, said_en, papers = row
        actor = _person(
            f"expert{number}@lanjiang.example", password, zh, en, organisations[key], "researcher", title_zh, title_en
        )
        _enter(actor, title_zh, title_en, words, said_zh, said_en)
        for title, year in papers:
            services.add_paper(actor=actor, title=title, year=year)
        services.list_expert(actor=actor)
    for number, (zh, en, title_zh, title_en, words, said_zh, said_en) in enumerate(BROKERS, start=1):
        actor = _person(
            f"broker{number}@lanjiang.example",
            password,
            zh,
            en,
            organisations["ltt"],
            "technology_manager",
            title_zh,
            title_en,
        )
        _enter(actor, title_zh, title_en, words, said_zh, said_en, capacity=4)
        services.list_expert(actor=actor)
    _known()
    for pk in ExpertProfile.objects.order_by("pk").values_list("pk", flat=True):
        services.index_expert(actor=parties.system(), profile_id=pk)
    _plans()


def _actor(email: str) -> Any:
    user = get_user_model().objects.filter(email=email, is_active=True).first()
    return parties.actor_for(user) if user else None


def _person(
    email: str, password: str, zh: str, en: str, organisation_id: int, role: str, title_zh: str, title_en: str
) -> Actor:
    person = people.register_person(
        actor=parties.system(), email=email, password=password, name_zh=zh, name_en=en, is_fictional=True
    )
    people.appoint(
        actor=parties.system(),
        person_id=person.pk,
        organisation_id=organisation_id,
        role=role,
        title_zh=title_zh,
        title_en=title_en,
    )
    consents.give_consents(actor=parties.system(), person_id=person.pk, documents=REQUIRED, how=ConsentWay.DEMO)
    return parties.actor_for(person.user)


def _enter(
    actor: Actor, title_zh: str, title_en: str, words: str, said_zh: str, said_en: str, *, capacity: int = 2
) -> None:
    """Their profile, what they say of themselves, and all that they may claim."""
    person = parties.get_person(actor)
    people.rewrite_profile(
        actor=actor,
        name_zh=person.name_zh,
        name_en=person.name_en,
        title_zh=title_zh,
        title_en=title_en,
        expertise=words,
        shown=["name", "title", "expertise"],
    )
    works = [item.code for item in selectors.possible_works(actor)[:20]]
    services.rewrite_expert(actor=actor, statement_zh=said_zh, statement_en=said_en, capacity=capacity, works=works)


def _known() -> None:
    """The researcher and the broker of the sign-in page are found too; the researcher keeps out of one company."""
    researcher, broker = _actor(RESEARCHER), _actor(BROKER)
    if researcher is not None:
        _enter(
            researcher, "教授", "Professor", "膜分离，界面聚合，卷对卷",
            "耐酸纳滤膜的制备与放大。", "Acid-resistant nanofiltration membranes, from the flask to the line.",
        )  # fmt: skip
        services.add_paper(actor=researcher, title="界面聚合耐酸纳滤膜的卷对卷连续制备", year=2024)
        services.list_expert(actor=researcher)
    if broker is not None:
        _enter(
            broker, "技术经理人", "Broker", "膜材料，新材料，知识产权",
            "新材料项目的评估与对接。", "Assessing and brokering projects in new materials.", capacity=3,
        )  # fmt: skip
        services.list_expert(actor=broker)


def _plans() -> None:
    """The operator's: one computed; one confirmed, with an acceptance, a refusal and a question that waits."""
    operator = _actor(OPERATOR)
    needs = [need.code for need in catalogue.newest_needs(parties.visitor()).filter(is_fictional=True)[:40]]
    fitting = [code for code in needs if _best(code) >= FITTING]
    if operator is None or len(fitting) < 4:
        return
    _compute(
        services.make_plan(
            actor=operator,
            kind="experts",
            title="十一月需求派专家",
            need_codes=fitting[4:10] or fitting[:4],
            key="demo-plan-1",
        )
    )
    confirmed = services.make_plan(
        actor=operator, kind="experts", title="十月需求派专家", need_codes=fitting[:4], key="demo-plan-2"
    )
    _compute(confirmed)
    services.confirm_plan(actor=operator, code=confirmed.code)
    rows = list(
        Assignment.objects.filter(need__plan=confirmed, state="asked")
        .select_related("candidate__profile__person__user")
        .order_by("pk")
    )
    for row, step in zip(rows, ("accept", "decline"), strict=False):
        (person_id,) = selectors.askees(row)
        actor = parties.actor_for(parties.people_by_id([person_id])[person_id].user)
        if step == "accept":
            services.accept_assignment(actor=actor, code=row.code)
        else:
            services.decline_assignment(actor=actor, code=row.code, reason="busy", note="下个月才有空。")


def _best(code: str) -> int:
    need = catalogue.get_need(code, actor=parties.visitor())
    return max(selectors.scores(selectors.query_of(need)).values(), default=0)


def _compute(plan: Any) -> None:
    """As the job does."""
    tasks.compute_plan(plan_id=plan.pk)
