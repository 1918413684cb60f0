"""Who may do what, found out by asking: every page and every operation of the API × role × whose thing it is.

A small world is made: for each role an organisation with somebody of that role and a colleague, and a foreign one. Each
of them has a need, a result, a submission, a contact, a webhook and so on. Then everything is asked of the real site,
each request in a transaction of its own that is rolled back. What the answer is, is the permission.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.deals.services.pricing import PriceDraft, show_price
from keqiao.deals.tests import factories as deals
from keqiao.engagement.tests import factories as engagement
from keqiao.integrations.tests.factories import bearer, make_token, make_webhook
from keqiao.interchange.tests import factories as interchange
from keqiao.kernel import notices
from keqiao.kernel.models import PublicNotice
from keqiao.ledger.models import Book
from keqiao.ledger.tests import factories as ledger
from keqiao.matching.tests.factories import make_match
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation, make_person
from keqiao.parties.types import Role
from keqiao.submissions.tests import factories as submissions
from keqiao.web.api import api, scopes_of_operations

ROLES = {
    "researcher": ("university", Role.RESEARCHER),
    "transfer officer": ("university", Role.CONVERSION_OFFICER),
    "R&D manager": ("enterprise", Role.RD_MANAGER),
    "broker": ("agency", Role.TECHNOLOGY_MANAGER),
    "operator": ("exchange", Role.ADMINISTRATOR),
    "auditor": ("administration", Role.AUDITOR),
    "finance officer": ("university", Role.FINANCE_OFFICER),
}
RELATIONS = ("own", "same organisation", "foreign")
VISITOR = "visitor"
NOTHING = "XX-0"  # a code of nothing
NOBODY = 999_999_999  # a number of nothing: 1 may be somebody, when these are the first rows of a new database
# They lead outside, or are made by a library whose answers are not ours.
LEFT_OUT = re.compile(r"^(sign-in/with/|static/|api/v1/(openapi\.json)?$)")
PARAMETER = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")
GROUP = re.compile(r"\(\?P<(?P<name>\w+)>(?P<pattern>(?:\[[^\]]*\][+*]?(?:\{[^}]*\})?|[^()])*)\)")
HEAD = """# Who may do what

Made by `python tools/permissions.py`, which asks the site itself; a test compares. The answer is the permission:

- **200, 201, 202, 204**: done or shown. **302**: done, and led on. **sign-in**: led to sign-in.
- **401, 403**: not allowed. **404**: hidden or missing, which look the same. **405**: the method is not there.
- **409, 412, 422**: allowed so far; the state or the (empty or made-up) content was refused.

`a / b / c` stands for one's own thing, a colleague's, and one of a foreign organisation; a single answer holds for all
three. Needs and results are unpublished. Each organisation has a book with an entry, and a deal whose receipt was divided: one's own are
those in which one has a part, and the payments wait. Tokens carry every scope; the scope an operation needs is named with it.
"""


@dataclass
class Things:
    """What one person in one organisation has."""

    organisation: str
    need: str
    achievement: str
    submission: str = NOTHING
    contact: str = NOTHING
    webhook: str = NOTHING
    imported: str = NOTHING
    token: int = 0
    notice: int = 0
    post: int = NOBODY
    book: str = NOTHING
    deal: str = NOTHING
    distribution: str = NOTHING
    payment: str = NOTHING
    announcement: str = NOTHING
    price: str = NOTHING


MONEY = ("book", "deal", "distribution", "payment", "announcement", "price")


@dataclass
class Asker:
    role: str
    person: Any
    secret: str
    cookies: Any
    things: dict[str, Things]


def things_of(person: Any, organisation: Any) -> Things:
    actor = parties.actor_for(person.user)
    need = make_need(publisher=organisation, state="draft")
    achievement = make_achievement(owner=organisation, state="draft")
    make_match(need, achievement)
    token, _secret = make_token(person=person)
    notices.tell(
        actor=parties.system(), person_id=person.pk, kind="k", key="1", title_zh="标题", title_en="Title", link=""
    )
    things = Things(
        organisation.code,
        need.code,
        achievement.code,
        webhook=make_webhook(organisation=organisation, person=person).code,
        token=token.pk,
        notice=notices.notices_of(actor).latest("created_at").pk,
        post=parties.posts_of(actor).get(organisation=organisation).number,
        **money_of(actor, organisation),
    )
    kind = "need" if organisation.kind == "enterprise" else "achievement"
    with suppress(Exception), transaction.atomic():  # a role that writes none has none
        things.submission = submissions.make_draft(kind, actor=actor, organisation=organisation).code
    with suppress(Exception), transaction.atomic():
        things.imported = interchange.start(actor, interchange.csv_file(interchange.row())).code
    with suppress(Exception), transaction.atomic():
        things.contact = contact_of(actor, organisation)
    return things


def money_of(actor: Any, organisation: Any) -> dict[str, str]:
    """The book of the organisation, and a deal of it whose receipt was divided, with a part for the person."""
    world = deals.make_world(
        home=organisation,
        team=[actor, make_actor(organisation=organisation, role=Role.RESEARCHER)],
        shares=(6000, 4000),
        state="draft",
        published_at=None,
    )
    distribution = deals.payable(world)
    book = Book.objects.get(organisation=organisation)
    ledger.post(book, ledger.income())  # the first of March 2026
    return {
        "book": book.code,
        "deal": world.deal.code,
        "distribution": distribution.code,
        "payment": distribution.payments.filter(state="waiting").earliest("pk").code,
        "price": price_of(world),
        "announcement": PublicNotice.objects.get(pk=distribution.notice_id).code if distribution.notice_id else NOTHING,
    }


def price_of(world: Any) -> str:
    """A price of the same result that is shown before it is agreed."""
    draft = PriceDraft("独占许可", "licence", [world.result.code], 100_00)
    return str(show_price(actor=world.officer, draft=draft).code)


def contact_of(actor: Any, organisation: Any) -> str:
    """A letter to somebody else about a published thing of theirs."""
    other = make_organisation(kind="university")
    make_person(organisation=other, role=Role.CONVERSION_OFFICER)
    theirs = make_achievement(owner=other)
    ours = make_need(publisher=organisation)
    make_match(ours, theirs)
    sent = engagement.services.send_contact(
        actor=actor,
        text="请问膜的耐酸时间？",
        key=engagement.a_key(),
        need_code=ours.code,
        achievement_code=theirs.code,
    )
    return sent.code


def make_askers() -> list[Asker]:
    submissions.make_field()
    stranger_home = make_organisation(kind="enterprise")
    foreign = things_of(make_person(organisation=stranger_home), stranger_home)
    askers = [Asker(VISITOR, None, "", None, {"foreign": foreign})]
    for role, (kind, post) in ROLES.items():
        home = make_organisation(kind=kind)
        person, colleague = make_person(organisation=home, role=post), make_person(organisation=home)
        client = Client()
        client.force_login(person.user)
        things = {
            "own": things_of(person, home),
            "same organisation": things_of(colleague, home),
            "foreign": foreign,
        }
        askers.append(Asker(role, person, make_token(person=person)[1], client.cookies, things))
    return askers


# --- addresses --------------------------------------------------------------------------------------------------------


def routes(patterns: Any = None, before: str = "") -> Iterator[str]:
    for one in patterns or get_resolver().url_patterns:
        path = before + str(one.pattern).removeprefix("^").removesuffix("$")
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, path)
        elif isinstance(one, URLPattern) and not LEFT_OUT.match(path):
            yield path.replace("^", "")


def filled(route: str, things: Things) -> str:
    """The address of a route for these things."""

    def value(name: str, pattern: str = "") -> str:
        if name in {"kind", "action", "scheme", "name"} and "|" in pattern:
            return pattern.split("|", maxsplit=1)[0]
        return str(named(route, name, things))

    path = GROUP.sub(lambda found: value(found["name"], found["pattern"]), route)
    path = PARAMETER.sub(lambda found: value(found["name"]), path)
    path = re.sub(r"\{(\w+)\}", lambda found: value(found[1]), path)
    return "/" + path.replace("\\.", ".").lstrip("/")


PLACES = (  # how a route begins, and whose code stands in it
    (r"(api/v1/)?organisations|join/|me/organisations", "organisation"),
    (r"(api/v1/)?achievements|\(\?P<kind>achievement", "achievement"),
    (r"(api/v1/)?needs|\(\?P<kind>need", "need"),
    (r"(api/v1/)?(review|submissions)|post/", "submission"),
    (r"(api/v1/)?contacts", "contact"),
    (r"(api/v1/)?imports?", "imported"),
    (r"(api/v1/|me/)webhooks", "webhook"),
    (r"(api/v1/)?books", "book"),
    (r"(api/v1/)?deals", "deal"),
    (r"(api/v1/)?(distributions|me/money)", "distribution"),
    (r"(api/v1/)?payments", "payment"),
    (r"(api/v1/)?public-notices", "announcement"),
    (r"(api/v1/)?price-notices", "price"),
)
OF_MONEY = {  # where a route begins, and a part of it: the first of each thing
    ("accounts", "number"): "1002.01", ("books", "number"): 1, ("books", "month"): "2026-03", ("books", "extension"): "xlsx", ("deals", "number"): 1,
    ("distributions", "number"): 1, ("distributions", "step"): "approve",
}  # fmt: skip
DEFAULTS = {
    "step": "1", "extension": "csv", "scheme": "field", "format": "csv", "part": "1", "name": "needs", "kind": "need",
    "action": "submit", "language": "zh",
}  # fmt: skip


def named(route: str, name: str, things: Things) -> Any:
    route = route.lstrip("/")
    if name in {"achievement_code", "achievement"}:
        return things.achievement
    if name == "code":
        return next((getattr(things, thing) for start, thing in PLACES if re.match(start, route)), NOTHING)
    if name in {"notice_id", "number"} and "notices" in route:
        return things.notice
    if name == "number" and "members" in route:
        return things.post
    start = "accounts" if "/accounts/" in route else route.removeprefix("api/v1/").split("/")[0]
    special = {
        ("token_id", "me"): things.token,
        ("step", "contacts"): "accept",
        ("kind", "import"): "achievements",
    }
    usual = OF_MONEY.get((start, name), DEFAULTS.get(name, NOBODY))
    return special.get((name, route.split("/")[0]), usual)


def is_about_a_thing(route: str) -> bool:
    filled_for = [Things(*[mark] * 7, 1, 1, **dict.fromkeys(MONEY, mark)) for mark in ("A", "B")]
    marked = [filled(route, things) for things in filled_for]
    return marked[0] != marked[1] or "token_id" in route or "notice_id" in route or "notices/{" in route


# --- asking -----------------------------------------------------------------------------------------------------------


def ask(asker: Asker, verb: str, path: str, **given: Any) -> str:
    client = Client(raise_request_exception=False)
    if asker.cookies and "headers" not in given:
        client.cookies.load({name: morsel.value for name, morsel in asker.cookies.items()})
    with transaction.atomic():
        answer = client.generic(verb, path, **given)
        if answer.streaming:
            b"".join(answer.streaming_content)  # to its end: closing it early would close the database too
        transaction.set_rollback(True)
    where = answer.headers.get("Location", "")
    if answer.status_code in {301, 302} and where.startswith("/sign-in"):
        return "sign-in"
    return str(answer.status_code)


def cell(asker: Asker, verb: str, route: str, **given: Any) -> str:
    if not is_about_a_thing(route):
        return ask(asker, verb, filled(route, asker.things["foreign"]), **given)
    answers = [ask(asker, verb, filled(route, asker.things[r]), **given) for r in RELATIONS if r in asker.things]
    return answers[0] if len(set(answers)) == 1 else " / ".join(answers)


def shown(route: str) -> str:
    """A route as people read it."""
    path = GROUP.sub(lambda found: "{" + found["name"] + "}", route)
    path = PARAMETER.sub(lambda found: "{" + found["name"] + "}", path)
    return "/" + path.replace("\\.", ".").lstrip("/")


def page_rows(askers: list[Asker]) -> Iterator[tuple[str, list[str]]]:
    form = {"content_type": "application/x-www-form-urlencoded"}
    for route in sorted({route for route in routes() if not route.startswith("api/")}, key=shown):
        for verb in ("GET", "POST"):
            given = form if verb == "POST" else {}
            if cell(askers[0], verb, route, **given) == "405":  # the method comes before the question of who asks
                continue
            cells = [cell(asker, verb, route, **given) for asker in askers]
            if set(cells) != {"405"}:
                yield f"{verb} {shown(route)}", cells


def operation_rows(askers: list[Asker]) -> Iterator[tuple[str, list[str]]]:
    schema = api.get_openapi_schema()
    scopes = scopes_of_operations(api)
    for path, operations in sorted(schema["paths"].items()):
        for verb, operation in operations.items():
            scope = scopes.get(operation["operationId"], "")
            given = sample_of(operation, schema)
            cells = [
                cell(a, verb.upper(), path.lstrip("/"), headers=bearer(a.secret) if a.secret else {}, **given)
                for a in askers
            ]
            yield f"{verb.upper()} {path}" + (f" ({scope})" if scope else ""), cells


def sample_of(operation: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A body of the right shape, so that the question of permission is reached."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = sample(content["application/json"]["schema"], schema)
        return {"data": json.dumps(body), "content_type": "application/json"}
    return {"data": "", "content_type": "application/json"} if operation.get("requestBody") else {}


def sample(part: dict[str, Any], schema: dict[str, Any]) -> Any:
    if "$ref" in part:
        return sample(schema["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]], schema)
    if "anyOf" in part:
        return sample(part["anyOf"][0], schema)
    if part.get("default") is not None or "const" in part:
        return part.get("default", part.get("const"))
    if known := [*part.get("examples", ()), *part.get("enum", ())]:
        return known[0]
    return _of_type(part, schema)


def _of_type(part: dict[str, Any], schema: dict[str, Any]) -> Any:
    kind = part.get("type")
    if kind == "object":
        return {name: sample(part["properties"][name], schema) for name in part.get("required", ())}
    if kind == "array":
        return [sample(part["items"], schema)] * part.get("minItems", 0)
    plain = {"integer": part.get("minimum", 1), "number": 1, "boolean": True, "null": None}
    return plain.get(kind, "2026-11-20T09:00:00Z" if part.get("format") == "date-time" else "2026-11-20")


def table(title: str, rows: Iterator[tuple[str, list[str]]], askers: list[Asker]) -> str:
    lines = [f"## {title}", "", "| | " + " | ".join(asker.role for asker in askers) + " |"]
    lines.append("|---" * (len(askers) + 1) + "|")
    lines += [f"| `{name}` | " + " | ".join(cells) + " |" for name, cells in rows]
    return "\n".join(lines)


def matrix() -> str:
    askers = make_askers()
    parts = [HEAD, table("Pages", page_rows(askers), askers), table("The API", operation_rows(askers), askers)]
    return "\n".join(part + "\n" for part in parts)
