"""Contacts, marks, searches and tasks of the demo's people: a few threads in each state. May be loaded again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model

from keqiao.catalogue import selectors as catalogue
from keqiao.engagement import services
from keqiao.engagement.models import Contact, SavedSearch
from keqiao.engagement.types import Upload
from keqiao.kernel import clock
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

ENTERPRISE, OFFICER, RESEARCHER, BROKER = (
    "xu@chengyuan.example",
    "shen@lut.example",
    "lin@lut.example",
    "gu@ltt.example",
)
KEPT_FREE = {("XQ-2026-01873", "CG-2026-00642")}  # the pair of the guided tour: visitors contact it themselves
REPORT = (
    b"%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
    b"2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n"
    b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >> endobj\n"
    b"trailer << /Root 1 0 R >>\n%%EOF\n"
)
Progress = Callable[[str], None]


def load(progress: Progress = print) -> None:
    """Threads between the demo's enterprise and university, once; call it after the items are there."""
    people = {email: _actor(email) for email in (ENTERPRISE, OFFICER, RESEARCHER, BROKER)}
    if any(actor is None for actor in people.values()) or SavedSearch.objects.exists():
        return
    progress("contacts")
    asker, officer = people[ENTERPRISE], people[OFFICER]
    pairs = _pairs(asker, officer)
    for number, act in enumerate((_waiting, _overdue, _answered, _declined, _handed_over, _withdrawn, _from_owner)):
        pair = next(pairs, None)
        if pair is not None:
            act(people, *pair, f"demo-contact-{number:02d}")
    _marks(asker, list(pairs)[:2])
    _own(people)


def _actor(email: str) -> Any:
    user = get_user_model().objects.filter(email=email, is_active=True).first()
    return parties.actor_for(user) if user else None


def _pairs(asker: Actor, officer: Actor) -> Iterator[tuple[str, str]]:
    """Public needs of the enterprise with public results of the university, matched or not."""
    needs = [row.code for row in catalogue.own_needs(asker).filter(state="published").order_by("code")]
    results = [row.code for row in catalogue.own_achievements(officer).filter(state="published").order_by("code")]
    for result in results:
        for need in needs:
            if (need, result) not in KEPT_FREE:
                yield need, result


def _send(actor: Actor, need: str, result: str, key: str, text: str) -> Contact:
    return services.send_contact(actor=actor, need_code=need, achievement_code=result, key=key, text=text)


def _waiting(people: dict[str, Any], need: str, result: str, key: str) -> None:
    _send(
        people[ENTERPRISE],
        need,
        result,
        key,
        "您好。请问贵方的样品在强酸条件下连续运行过多久？如有第三方检测报告，烦请附上。",
    )


def _overdue(people: dict[str, Any], need: str, result: str, key: str) -> None:
    """Sent nine days ago: the promised date has passed."""
    contact = _send(people[ENTERPRISE], need, result, key, "您好。请问目前的成熟度是几级，中试规模有多大？")
    ago = timedelta(days=9)
    Contact.objects.filter(pk=contact.pk).update(
        sent_at=contact.sent_at - ago, last_at=contact.last_at - ago, due_on=clock.today() - timedelta(days=2)
    )


def _answered(people: dict[str, Any], need: str, result: str, key: str) -> None:
    contact = _send(people[ENTERPRISE], need, result, key, "您好。请问 1 m 幅宽下的均匀性是否做过测试？")
    services.accept_contact(actor=people[OFFICER], code=contact.code)
    services.answer_contact(
        actor=people[OFFICER],
        code=contact.code,
        key=f"{key}-answer",
        text="您好。0.4 m 幅宽做过连续 3,000 m，1 m 幅宽尚未测试，可以安排一次试涂。测试报告见附件。",
        files=[Upload("0.4m 幅宽均匀性测试报告.pdf", REPORT)],
    )
    services.write_message(
        actor=people[ENTERPRISE], code=contact.code, key=f"{key}-reply", text="谢谢。我们下周可以寄 20 L 实样过去。"
    )
    services.ask_for_broker(actor=people[ENTERPRISE], code=contact.code, person_id=people[BROKER].person_id)
    services.answer_broker_request(actor=people[OFFICER], code=contact.code, agrees=True)
    services.write_message(
        actor=people[BROKER],
        code=contact.code,
        key=f"{key}-broker",
        text="我来约时间，建议先签保密协议，再看试涂方案。",
    )


def _declined(people: dict[str, Any], need: str, result: str, key: str) -> None:
    contact = _send(people[ENTERPRISE], need, result, key, "您好。请问这项成果能否用于我们的工况？")
    services.decline_contact(
        actor=people[OFFICER],
        code=contact.code,
        reason="not_fitting",
        text="温度范围不对应，做不到您要求的条件。",
        key=f"{key}-decline",
    )


def _handed_over(people: dict[str, Any], need: str, result: str, key: str) -> None:
    contact = _send(people[ENTERPRISE], need, result, key, "您好。请问主要指标是在什么测试条件下得到的？")
    with contextlib.suppress(DomainError):
        services.hand_over_contact(actor=people[OFFICER], code=contact.code, person_id=people[RESEARCHER].person_id)


def _withdrawn(people: dict[str, Any], need: str, result: str, key: str) -> None:
    contact = _send(people[ENTERPRISE], need, result, key, "您好。想了解这项成果的许可方式。")
    services.withdraw_contact(actor=people[ENTERPRISE], code=contact.code)


def _from_owner(people: dict[str, Any], need: str, result: str, key: str) -> None:
    _send(people[OFFICER], need, result, key, "您好。您要求的指标我们已达到大部分，请问现场的进水水质如何？")


def _marks(asker: Actor, pairs: list[tuple[str, str]]) -> None:
    """Where there is a stored match already."""
    for need, result in pairs:
        with contextlib.suppress(NotFound):
            services.mark_match(
                actor=asker, need_code=need, achievement_code=result, is_suitable=False, reason="indicators"
            )


def _own(people: dict[str, Any]) -> None:
    services.save_search(actor=people[ENTERPRISE], query="kind=achievement&q=耐酸纳滤膜", name="耐酸纳滤膜")
    services.save_search(actor=people[OFFICER], query="kind=need&q=膜分离", name="膜分离的需求")
    today = clock.today()
    services.add_task(actor=people[ENTERPRISE], text="寄 20 L 实样给试涂团队", due_on=today + timedelta(days=3))
    services.add_task(actor=people[ENTERPRISE], text="整理进水水质数据", due_on=today - timedelta(days=1))
    services.add_task(actor=people[OFFICER], text="核对测试报告能否对外", due_on=today + timedelta(days=1))
