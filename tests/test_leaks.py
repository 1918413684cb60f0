"""What one may not see leaves no trace: a page, list, count, feed or answer of the API is the same with it and without it.

A small world is asked by everybody on every address. Then something confidential happens in it, chosen by hypothesis,
and the worker does all its jobs; whoever has no part in it must get the very same answers, byte for byte. And no word of
it stands in an event or in the logs.
"""

import io
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate import testing
from procrastinate.contrib.django import app

from keqiao.alerts import services as alerts
from keqiao.alerts.models import Watch
from keqiao.catalogue.models import Achievement, Attachment, Need, PrivateBudget
from keqiao.catalogue.tests.factories import make_achievement, make_code, make_need
from keqiao.engagement import services as engagement
from keqiao.kernel import files
from keqiao.kernel.models import Event
from keqiao.matching import indexing
from keqiao.matching import services as matching
from keqiao.matching.models import Match
from keqiao.matching.tests.factories import forget_everything
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation
from keqiao.parties.types import Role
from keqiao.submissions import services as submissions
from keqiao.submissions.tests.factories import CONTENT, PDF

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("rules")]

SECRET = "绝密代号玄武"  # stands in every text of what happens in secret
system = parties.system()


@dataclass
class World:
    """Who and what is public, and who looks."""

    enterprise: object
    university: object
    operator: object
    manager: object  # works for the enterprise
    researcher: object  # works for the university
    need: object
    achievement: object
    outsiders: dict[str, Client] = field(default_factory=dict)


def signed_in(actor) -> Client:
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    return client


# Tables of which a number in a page would say how many people or items there are, or who came first.
NUMBERED = ("auth_user", "parties_person", "parties_organisation", "catalogue_need", "catalogue_achievement")
NUMBERED += ("submissions_submission", "engagement_contact", "matching_match")
FIRST_NUMBERS = {table: 730_000_000 + place * 1_000_000 for place, table in enumerate(NUMBERED)}
NUMBER = re.compile(rb"(?<![0-9A-Za-z.])73[0-7]00\d{4}(?!\d)")


@pytest.fixture
def numbered(db) -> Iterator[None]:
    """Rows get numbers that nothing else in a page looks like."""
    before = {}
    with connection.cursor() as cursor:
        for table, first in FIRST_NUMBERS.items():
            sequence = f"{table}_id_seq"
            cursor.execute(f"SELECT last_value, is_called FROM {sequence}")
            before[sequence] = cursor.fetchone()
            cursor.execute("SELECT setval(%s, %s)", [sequence, first])
    yield
    with connection.cursor() as cursor:
        for sequence, (last, is_called) in before.items():
            cursor.execute("SELECT setval(%s, %s, %s)", [sequence, last, is_called])


@pytest.fixture
def world(settings, tmp_path) -> Iterator[World]:
    settings.DATA_DIR = tmp_path
    with (
        connection.cursor() as cursor
    ):  # one transaction holds the world, however long a busy machine indexes meanwhile
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    forget_everything()
    make_code()
    enterprise, university = make_organisation(kind="enterprise"), make_organisation(kind="university")
    manager = make_actor(organisation=enterprise, role=Role.RD_MANAGER)
    researcher = make_actor(organisation=university, role=Role.CONVERSION_OFFICER)
    for n in range(3):
        make_need(title=f"耐酸纳滤膜的涂覆 {n}", field="materials", publisher=enterprise)
        make_achievement(title=f"界面聚合耐酸纳滤膜 {n}", field="materials", owner=university)
    need = make_need(title="轴承早期故障诊断", problem="风电轴承声发射诊断。", publisher=enterprise)
    achievement = make_achievement(title="轴承寿命预测", summary="声发射与振动融合。", owner=university)
    indexing.rebuild(lambda text: None)
    matching.compute_matches(actor=system, kind="need", item_id=need.pk)
    found = World(enterprise, university, make_operator(), manager, researcher, need, achievement)
    other = make_organisation(kind="enterprise")
    found.outsiders = {
        "visitor": Client(),
        "manager elsewhere": signed_in(make_actor(organisation=other, role=Role.RD_MANAGER)),
        "broker elsewhere": signed_in(
            make_actor(organisation=make_organisation(kind="agency"), role=Role.TECHNOLOGY_MANAGER)
        ),
    }
    yield found
    forget_everything()
    shutil.rmtree(tmp_path, ignore_errors=True)


# --- What happens in secret -------------------------------------------------------------------------------------------


def content(kind: str) -> dict:
    made = {**CONTENT[kind], "external_id": SECRET}
    part = "problem" if kind == "need" else "summary"
    made["texts"] = {"zh": {"title": f"{SECRET}耐酸纳滤膜", part: f"{SECRET}：轴承、膜与涂覆。"}}
    return made


def write_draft(world: World, kind: str = "need") -> str:
    actor, organisation = (world.manager, world.enterprise) if kind == "need" else (world.researcher, world.university)
    draft = submissions.start_draft(actor=actor, kind=kind, organisation_id=organisation.pk, content=content(kind))
    submissions.attach_file(actor=actor, code=draft.code, name=f"{SECRET}.pdf", file=io.BytesIO(PDF), title=SECRET)
    return draft.code


def hand_in(world: World) -> str:
    code = write_draft(world, "achievement")
    draft = submissions.submit(actor=world.researcher, code=code, revision=2)
    return draft.code


def send_back(world: World) -> str:
    code = hand_in(world)
    submissions.send_back(actor=world.operator, code=code, revision=2, text=f"{SECRET}请补充")
    return code


def change_a_public_item(world: World) -> str:
    draft = submissions.start_change(actor=world.manager, kind="need", item_code=world.need.code)
    submissions.save_draft(
        actor=world.manager,
        code=draft.code,
        revision=draft.revision,
        content={"texts": {"zh": {"title": SECRET, "problem": SECRET}}},
    )
    return draft.code


def keep_an_item_unpublished(world: World) -> str:
    return make_need(
        title=f"{SECRET}轴承", problem=SECRET, state="draft", published_at=None, publisher=world.enterprise
    ).code


def withdraw_an_item(world: World) -> str:
    """Published and withdrawn before anybody looked again."""
    need = make_need(title=f"{SECRET}轴承", problem=f"{SECRET}轴承", state="withdrawn", publisher=world.enterprise)
    indexing.update("need", [need.pk])
    return need.code


def keep_a_budget_back(world: World) -> str:
    """The points of the match are those of a need that says nothing of its budget."""
    points = Match.objects.values_list("score", "arch").get(need=world.need, achievement=world.achievement)
    PrivateBudget.objects.create(
        need=world.need, shown="hidden", price_kind="amount", price_low=1, price_high=987_654_321, currency="CNY"
    )
    indexing.update("need", [world.need.pk])
    need, achievement = Need.objects.get(pk=world.need.pk), Achievement.objects.get(pk=world.achievement.pk)
    with transaction.atomic():
        matching.compute_matches(actor=system, kind="need", item_id=need.pk)
        again = Match.objects.values_list("score", "arch").get(need=need, achievement=achievement)
        assert again == points
        transaction.set_rollback(True)  # the hour of the computation is shown
    return ""


def attach_under_nda(world: World) -> str:
    stored = files.store(actor=world.manager, name=f"{SECRET}.pdf", media_type="application/pdf", chunks=[PDF])
    Attachment.objects.create(need=world.need, file=stored, level="nda", title=SECRET, position=0)
    return ""


def contact_the_other_side(world: World) -> str:
    contact = engagement.send_contact(
        actor=world.manager,
        text=f"{SECRET}，想了解轴承寿命预测的条件。",
        key="leak-test",
        need_code=world.need.code,
        achievement_code=world.achievement.code,
    )
    engagement.accept_contact(actor=world.researcher, code=contact.code)
    return contact.code


def find_a_match_unsuitable(world: World) -> str:
    engagement.mark_match(actor=world.manager, need_code=world.need.code, achievement_code=world.achievement.code)
    return ""


def complain(world: World) -> str:
    complaint = submissions.make_complaint(
        actor=world.researcher, kind="need", item_code=world.need.code, reason="untrue", text=f"{SECRET}，内容不实。"
    )
    submissions.take_up_complaint(actor=world.operator, code=complaint.code)
    return complaint.code


def save_a_search(world: World) -> str:
    engagement.save_search(actor=world.manager, query=f"kind=achievement&q={SECRET}", name=SECRET)
    return ""


def watch_and_be_told(world: World) -> str:
    saved = engagement.save_search(actor=world.manager, query=f"kind=need&q={SECRET} 2", name=SECRET)
    alerts.start_watch(actor=world.manager, subject="search", of=str(saved.pk))
    watch = alerts.start_watch(actor=world.manager, subject="need", of=world.need.code, threshold=0)
    Watch.objects.filter(pk=watch.pk).update(since=world.need.published_at)
    alerts.find_changes(actor=parties.system(), kind="need", item_id=world.need.pk, reason="changed")
    digest = alerts.send_digest(actor=parties.system(), person_id=world.manager.person_id, cadence="daily")
    return digest.code if digest else watch.code


def plan_a_task(world: World) -> str:
    engagement.add_task(actor=world.manager, text=SECRET)
    return ""


HAPPENINGS: list[Callable[[World], str]] = [
    write_draft,
    hand_in,
    send_back,
    change_a_public_item,
    keep_an_item_unpublished,
    withdraw_an_item,
    keep_a_budget_back,
    attach_under_nda,
    contact_the_other_side,
    find_a_match_unsuitable,
    complain,
    save_a_search,
    watch_and_be_told,
    plan_a_task,
]


# --- Everybody asks everything ----------------------------------------------------------------------------------------

# Addresses whose answer is random (challenges of passkeys, new secrets) or says how the site is just now.
NOT_ASKED = re.compile(r"^/(sign-out|healthz|readyz|sign-in/passkey|me/security/)")
TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]+"|"csrf[a-z]*": ?"[^"]+"|name="key" value="[^"]+"')
SEARCHES = [
    f"/search?kind={kind}&q={q}" for kind in ("need", "achievement") for q in (SECRET, "轴承", "耐酸纳滤膜 涂覆")
] + [f"/search?kind=need&{price}" for price in ("price_low=1", "price_high=2000&q=轴承", "fixed_price=1", "sort=price")]


def plain_addresses(resolver: URLResolver | None = None, before: str = "/") -> Iterator[str]:
    """Every address without parameters that the site has."""
    for entry in (resolver or get_resolver()).url_patterns:
        place = before + str(entry.pattern).lstrip("^").rstrip("$").replace("\\.", ".")
        if "<" in place or "(" in place:
            continue
        if isinstance(entry, URLResolver):
            yield from plain_addresses(entry, place)
        elif isinstance(entry, URLPattern) and not NOT_ASKED.match(place):
            yield place


def addresses(world: World) -> list[str]:
    need, achievement = f"/needs/{world.need.code}", f"/achievements/{world.achievement.code}"
    of_items = [need, f"{need}/matches", f"{need}/matches/{world.achievement.code}", achievement]
    of_items += [f"/api/v1{place}" for place in (need, f"{need}/matches", achievement, f"{achievement}/matches")]
    of_items += [f"{need}/versions", f"{achievement}/versions"]
    places = [f"/organisations/{organisation.code}" for organisation in (world.enterprise, world.university)]
    searches = [f"/api/v1{place}" for place in SEARCHES]
    return sorted({*plain_addresses(), *of_items, *places, *SEARCHES, *searches})


def answers(world: World) -> dict[tuple[str, str], tuple[int, bytes]]:
    found = {}
    for who, client in world.outsiders.items():
        for place in addresses(world):
            cache.clear()
            response = client.get(place)
            body = b"".join(response) if response.streaming else response.content
            found[who, place] = (response.status_code, TOKEN.sub(b"", body))
    return found


def hidden_addresses(code: str) -> list[str]:
    kinds = (
        "needs",
        "achievements",
        "submissions",
        "contacts",
        "review",
        "review/complaints",
        "complaints",
        "post",
        "import",
    )
    return [f"{base}/{kind}/{code}" for kind in kinds for base in ("", "/api/v1")]


def work_off_jobs(connector: testing.InMemoryConnector) -> None:
    """As the worker would run them, in this transaction."""
    done: set[int] = set()
    while waiting := set(connector.jobs) - done:
        for number in sorted(waiting):
            job = connector.jobs[number]
            app.tasks[job["task_name"]].func(**job["args"])
            done.add(number)


def test_what_happens_in_secret_leaves_no_trace(world, caplog):
    before = answers(world)
    assert len(before) > 150
    assert {status for status, _body in before.values()} <= {200, 301, 302, 400, 401, 403, 404, 405, 422}
    assert [key for key, (_status, body) in before.items() if SECRET.encode() in body and "q=" not in key[1]] == []

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(HAPPENINGS), min_size=1, max_size=3, unique=True))
    def happens(chosen):
        with transaction.atomic():
            seen_before = Event.objects.count()
            connector = testing.InMemoryConnector()
            with caplog.at_level(logging.DEBUG, logger="keqiao"), app.replace_connector(connector):
                caplog.clear()
                codes = [happening(world) for happening in chosen]
                work_off_jobs(connector)
            assert SECRET not in caplog.text
            trail = Event.objects.order_by("id")[seen_before:]
            assert SECRET not in str(list(trail.values_list("name", "subject", "data")))
            after = answers(world)
            assert {key for key in before if before[key] != after[key]} == set()
            for code in filter(None, codes):
                ask_for_what_is_hidden(world, code)
            transaction.set_rollback(True)  # the world is as it was

    happens()


def ask_for_what_is_hidden(world: World, code: str) -> None:
    """Its address answers like one where nothing ever was."""
    for place in hidden_addresses(code):
        for who, client in world.outsiders.items():
            answer, missing = client.get(place), client.get(place.replace(code, "XQ-2026-99999"))
            assert SECRET.encode() not in answer.content, (who, place)
            assert answer.status_code == missing.status_code, (who, place)


def test_no_page_or_answer_shows_the_number_of_a_row(numbered, world):
    """Of a person least of all: not in a form, a link or an answer of the API, and not to those who may see the row."""
    drafts = {
        world.manager: (write_draft(world), "need"),
        world.researcher: (hand_in(world), "achievement"),
    }
    make_actor(organisation=world.enterprise, role=Role.RD_MANAGER)  # colleagues, who stand in selects
    make_actor(organisation=world.university, role=Role.CONVERSION_OFFICER)
    contact = contact_the_other_side(world)
    clients = {
        "manager": signed_in(world.manager),
        "researcher": signed_in(world.researcher),
        "operator": signed_in(world.operator),
        "visitor": world.outsiders["visitor"],
    }
    own = [place for code, _kind in drafts.values() for place in hidden_addresses(code)]
    own += [f"/submissions/{code}" for code, _kind in drafts.values()] + [f"/review/{drafts[world.researcher][0]}"]
    own += [f"/contacts/{contact}", f"/api/v1/contacts/{contact}"]
    own += [f"/api/v1/contacts/{contact}/colleagues", f"/api/v1/contacts/{contact}/brokers"]
    own += [f"/api/v1/organisations/{world.enterprise.code}/members", "/admin/standing-in?q=人"]
    shown = 0
    for who, client in clients.items():
        for place in sorted({*addresses(world), *own}):
            cache.clear()
            response = client.get(place)
            body = b"".join(response) if response.streaming else response.content
            shown += response.status_code == 200
            assert NUMBER.findall(body) == [], (who, place)
    assert shown > 150
    rows = (world.enterprise, world.need, world.achievement, Person.objects.get(pk=world.manager.person_id).user)
    assert all(NUMBER.fullmatch(str(row.pk).encode()) for row in rows)  # what was looked for is what they have
    assert not Person.objects.filter(pk__lt=2**40).exists()
