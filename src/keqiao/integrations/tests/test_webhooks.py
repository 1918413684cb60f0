import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from keqiao.catalogue import services as catalogue
from keqiao.catalogue.tests.factories import make_need
from keqiao.catalogue.types import Shown
from keqiao.integrations import tasks
from keqiao.integrations.models import Delivery, Webhook
from keqiao.integrations.services import webhooks
from keqiao.integrations.tests.factories import bearer, make_delivery, make_token, make_webhook
from keqiao.integrations.types import BACKOFF, KIND_OF_EVENT, WEBHOOK_KINDS
from keqiao.kernel import clock, events, personal
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Event, Notice
from keqiao.kernel.tests import twin as twins
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
URL = "https://example.org/keqiao"


@pytest.fixture
def ours():
    return make_organisation()


@pytest.fixture
def actor(ours):
    return make_actor(organisation=ours, role=Role.RD_MANAGER)


@pytest.fixture
def twin(settings):
    server, stop = twins.start()
    settings.OUTGOING_HOSTS = frozenset({"127.0.0.1"})
    yield server
    stop()


def new(actor, ours, **given):
    return webhooks.make_webhook(
        actor=actor, **{"organisation_id": ours.pk, "url": URL, "kinds": ["need.published"], **given}
    )


def jobs():
    from procrastinate.contrib.django.models import ProcrastinateJob

    rows = ProcrastinateJob.objects.filter(task_name="keqiao.integrations.tasks.deliver_webhook").order_by("id")
    return [job.args["delivery_id"] for job in rows]


def happened(name, subject, **data):
    """An event and what its subscribers do."""
    from django.db import transaction

    with transaction.atomic():
        event = events.record(name, subject, actor=parties.system(), **data)
    events.dispatch(event)
    return event


# --- setting up -------------------------------------------------------------------------------------------------------


def test_an_organisations_people_connect_it(actor, ours):
    webhook = new(actor, ours, kinds=["need.closed", "need.published"])
    assert webhook.kinds == ["need.published", "need.closed"]
    assert webhook.secret.startswith("kqw_")
    event = Event.objects.get(name="integrations.webhook_made")
    assert event.data == {"organisation": ours.pk, "kinds": webhook.kinds}


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.BANK_OFFICER, Role.AUDITOR])
def test_others_do_not(ours, role):
    with pytest.raises(NotAllowed):
        new(make_actor(organisation=ours, role=role), ours)
    with pytest.raises(NotAllowed):
        new(make_actor(organisation=make_organisation(), role=Role.RD_MANAGER), ours)
    with pytest.raises(NotAllowed):
        new(parties.visitor(), ours)
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "http://example.org/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["need.secret"]}, "kinds"),
    ],
)
def test_bad_wishes_make_nothing(actor, ours, given, field):
    with pytest.raises(BadInput) as caught:
        new(actor, ours, **given)
    assert (caught.value.field, Webhook.objects.count()) == (field, 0)


def test_no_more_than_the_parameter_says(actor, ours):
    for _n in range(10):
        make_webhook(organisation=ours)
    with pytest.raises(BadInput):
        new(actor, ours)
    assert Webhook.objects.count() == 10


def test_a_foreign_webhook_is_missing(actor):
    foreign = make_webhook()
    for call in (
        lambda: webhooks.change_webhook(actor=actor, code=foreign.code, is_active=False),
        lambda: webhooks.rotate_secret(actor=actor, code=foreign.code),
        lambda: webhooks.ping_webhook(actor=actor, code=foreign.code),
        lambda: webhooks.replay(actor=actor, code=foreign.code, since=clock.now()),
        lambda: webhooks.delete_webhook(actor=actor, code=foreign.code),
    ):
        with pytest.raises(NotFound):
            call()
    foreign.refresh_from_db()
    assert (foreign.is_active, foreign.secret, Delivery.objects.count()) == (True, "kqw_test-secret", 0)


# --- what is told -----------------------------------------------------------------------------------------------------


def test_public_facts_go_to_all_who_asked_and_hold_nothing_confidential(ours):
    hook, _other = make_webhook(organisation=ours), make_webhook(kinds=["need.closed"])
    make_webhook(is_active=False)
    need = make_need(publisher_shown=Shown.HIDDEN, title="耐酸纳滤膜")
    event = happened("catalogue.need_published", need)
    delivery = Delivery.objects.get()
    assert (delivery.webhook_id, delivery.event_id, delivery.kind) == (hook.pk, event.pk, "need.published")
    told = json.loads(delivery.body)
    assert told.pop("id") == delivery.code
    assert told == {
        "kind": "need.published",
        "at": event.at.isoformat(),
        "data": {
            "code": need.code,
            "url": f"http://localhost:8000/needs/{need.code}",
            "api": f"http://localhost:8000/api/v1/needs/{need.code}",
            "revision": need.revision,
        },
    }
    assert need.publisher.code not in delivery.body


def test_an_event_that_comes_twice_is_told_once():
    make_webhook()
    event = happened("catalogue.need_published", make_need())
    events.dispatch(event)
    assert Delivery.objects.count() == 1


def test_a_new_version_of_what_is_not_public_is_told_to_nobody():
    make_webhook(kinds=["need.rewritten"])
    happened("catalogue.need_rewritten", make_need(state="withdrawn"))
    assert not Delivery.objects.exists()
    happened("catalogue.need_rewritten", make_need())
    assert Delivery.objects.count() == 1


def test_own_facts_go_to_the_own_organisation_alone(ours):
    from keqiao.submissions.tests.factories import make_draft

    mine, _theirs = (make_webhook(organisation=o, kinds=["submission.accepted"]) for o in (ours, make_organisation()))
    submission = make_draft(actor=make_actor(organisation=ours), organisation=ours)
    happened("submissions.submission_accepted", submission)
    delivery = Delivery.objects.get()
    assert delivery.webhook_id == mine.pk
    assert json.loads(delivery.body)["data"].keys() == {"code", "url", "api", "kind", "state"}


def test_a_contact_is_told_to_both_sides_and_to_nobody_else():
    from keqiao.engagement.tests.factories import make_contact, make_world

    world = make_world()
    contact = make_contact(world)
    sides = [
        make_webhook(organisation=o, kinds=["contact.answered"])
        for o in (world.need.publisher, world.achievement.owner)
    ]
    make_webhook(kinds=["contact.answered"])
    happened("engagement.contact_answered", contact)
    assert set(Delivery.objects.values_list("webhook_id", flat=True)) == {hook.pk for hook in sides}
    for body in Delivery.objects.values_list("body", flat=True):
        assert json.loads(body)["data"].keys() == {"code", "url", "api", "state"}


def test_a_command_of_the_catalogue_is_told(django_capture_on_commit_callbacks):
    make_webhook(kinds=["need.closed"])
    need = make_need()
    catalogue.close_need(actor=parties.system(), code=need.code)
    events.dispatch(Event.objects.get(name="catalogue.need_closed"))
    assert Delivery.objects.get().kind == "need.closed"


def test_every_kind_stands_on_an_event_that_exists():
    from pathlib import Path

    import keqiao

    root = Path(keqiao.__file__).parent
    named = "".join(
        (root / context / "README.md").read_text() for context in ("catalogue", "submissions", "engagement")
    )
    assert [event for kind in WEBHOOK_KINDS.values() for event in kind.events if f"`{event}`" not in named] == []


NOBODY_ELSES = {  # events of these contexts that no webhook hears, and why
    "submissions": {
        "submission_started", "submission_discarded", "submission_claimed", "submission_handed_over",  # at a desk
        "file_attached", "file_dropped", "question_answered", "view_stated",  # parts of a text that is handed in later
        "source_given", "source_failed", "drafted_from_source", "suggestions_answered",  # while a draft is written
        "translation_asked", "draft_translated",  # as above
        "submissions_imported", "submissions_moved",  # many at once
        "review_waived", "waiver_ended",  # the organisation's own settings
        "complaint_made", "complaint_taken_back",  # the owner learns of a complaint when it is taken up
    },
    "engagement": {
        "contact_reassigned", "contacts_moved",  # within one side
        "broker_asked", "broker_agreed", "broker_refused",  # before somebody is in
        "match_marked", "match_unmarked", "search_saved", "search_found",  # what one side or one person keeps
    },
}  # fmt: skip


@pytest.mark.parametrize("context", NOBODY_ELSES)
def test_what_happens_to_submissions_and_contacts_is_heard_unless_said_why_not(context):
    import re
    from pathlib import Path

    import keqiao

    readme = (Path(keqiao.__file__).parent / context / "README.md").read_text()
    events_there = set(re.findall(rf"`{context}\.([a-z_]+)`", readme.split("**Events.**")[1].split("\n\n")[0]))
    heard = {name.partition(".")[2] for name in KIND_OF_EVENT if name.startswith(context)}
    assert events_there - heard == NOBODY_ELSES[context]


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("submission.returned", "submissions.submission_returned"),
        ("submission.returned", "submissions.submission_sent_back"),
        ("submission.submitted", "submissions.submission_sent_to_platform"),
        ("submission.accepted", "submissions.submission_accepted_directly"),
    ],
)
def test_one_kind_hears_the_organisation_and_the_platform(ours, kind, event):
    from keqiao.submissions.tests.factories import make_draft

    make_webhook(organisation=ours, kinds=[kind])
    happened(event, make_draft(actor=make_actor(organisation=ours), organisation=ours))
    assert Delivery.objects.get().kind == kind


def test_the_owner_hears_of_a_complaint_once_it_is_taken_up():
    from keqiao.submissions.models import Complaint

    need, handler, complainant = make_need(), make_person(), make_person(organisation=make_organisation())
    make_webhook(organisation=need.publisher, kinds=["complaint.taken_up"])
    make_webhook(kinds=["complaint.taken_up"])
    complaint = Complaint.objects.create(code="TS-1", need=need, reason="untrue", text="x", complainant=complainant)
    happened("submissions.complaint_taken_up", complaint)
    assert Delivery.objects.count() == 0
    Complaint.objects.update(handler=handler, state="in_review")
    happened("submissions.complaint_taken_up", complaint)
    told = json.loads(Delivery.objects.get().body)["data"]
    assert told.keys() == {"code", "url", "api", "item", "state"}
    assert (told["code"], told["item"], told["state"]) == ("TS-1", need.code, "in_review")


# --- delivering -------------------------------------------------------------------------------------------------------


def good(posted, secret):
    """As the guide tells receivers to verify."""
    parts = [part.split("=", 1) for part in posted.headers["Keqiao-Signature"].split(",")]
    at = next(value for name, value in parts if name == "t")
    proof = hmac.new(secret.encode(), f"{at}.".encode() + posted.body, hashlib.sha256).hexdigest()
    return any(name == "v1" and hmac.compare_digest(value, proof) for name, value in parts)


def test_a_delivery_is_signed_and_made_once(twin):
    twin.answer = b"thanks " * 100
    delivery = make_delivery(make_webhook(url=twin.url + "/hook?a=b"))
    for _n in range(2):
        tasks.deliver_webhook(delivery_id=delivery.pk)
    (posted,) = twin.posted
    assert (posted.path, posted.body.decode()) == ("/hook?a=b", delivery.body)
    assert posted.headers["Keqiao-Delivery"] == delivery.code
    assert good(posted, "kqw_test-secret")
    assert not good(posted, "another")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.status, len(delivery.answer)) == ("delivered", 1, 200, 200)
    assert delivery.took_ms is not None


def test_after_a_new_secret_both_sign_for_some_days(actor, ours, twin):
    webhook = make_webhook(organisation=ours, url=twin.url)
    fresh = webhooks.rotate_secret(actor=actor, code=webhook.code).secret
    tasks.deliver_webhook(delivery_id=make_delivery(webhook).pk)
    assert [good(twin.posted[0], secret) for secret in (fresh, "kqw_test-secret")] == [True, True]
    Webhook.objects.update(old_secret_until=clock.now() - timedelta(seconds=1))
    tasks.deliver_webhook(delivery_id=make_delivery(webhook).pk)
    assert [good(twin.posted[1], secret) for secret in (fresh, "kqw_test-secret")] == [True, False]


def test_failures_are_tried_again_with_growing_pauses_and_given_up(twin):
    twin.status = 503
    delivery = make_delivery(make_webhook(url=twin.url))
    waits = []
    for _n in range(len(BACKOFF) + 2):
        tasks.deliver_webhook(delivery_id=delivery.pk)
        delivery.refresh_from_db()
        if delivery.next_at:
            waits.append(round((delivery.next_at - delivery.tried_at).total_seconds()))
    assert waits == list(BACKOFF)
    assert (delivery.state, delivery.attempts, delivery.problem) == ("failed", len(BACKOFF) + 1, "HTTP 503")
    assert len(twin.posted) == len(BACKOFF) + 1
    assert jobs() == [delivery.pk] * len(BACKOFF)


def test_redirects_are_failures(twin):
    twin.status, twin.headers = 301, {"Location": "http://127.0.0.1:9/"}
    delivery = make_delivery(make_webhook(url=twin.url))
    tasks.deliver_webhook(delivery_id=delivery.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.problem) == ("waiting", "redirects are not followed")


def test_an_address_inside_the_network_is_never_called(twin, settings):
    settings.OUTGOING_HOSTS = frozenset()
    delivery = make_delivery(make_webhook(url=twin.url.replace("http:", "https:")))
    tasks.deliver_webhook(delivery_id=delivery.pk)
    delivery.refresh_from_db()
    assert (delivery.status, twin.posted) == (None, [])
    assert "127.0.0.1" not in delivery.problem


def test_after_days_of_failure_it_is_switched_off_and_its_maker_is_told(twin, ours):
    person = make_person(organisation=ours)
    webhook = make_webhook(organisation=ours, person=person, url=twin.url)
    twin.status = 500
    tasks.deliver_webhook(delivery_id=make_delivery(webhook).pk)
    Webhook.objects.update(failing_since=clock.now() - timedelta(days=5))
    tasks.deliver_webhook(delivery_id=make_delivery(webhook).pk)
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.disabled_at is not None) == (False, True)
    assert Notice.objects.values_list("person_id", "link").get() == (person.pk, f"/me/webhooks/{webhook.code}")
    tasks.deliver_webhook(delivery_id=make_delivery(webhook).pk)
    assert len(twin.posted) == 2


def test_success_ends_the_failing(twin, actor, ours):
    webhook = make_webhook(organisation=ours, url=twin.url, failing_since=clock.now() - timedelta(days=9))
    tasks.deliver_webhook(delivery_id=make_delivery(webhook).pk)
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.failing_since) == (True, None)


def test_sent_again_one_or_all_since(twin, actor, ours):
    webhook = make_webhook(organisation=ours, url=twin.url)
    rows = [make_delivery(webhook, state="failed", tries_left=0) for _n in range(3)]
    Delivery.objects.filter(pk=rows[0].pk).update(created_at=clock.now() - timedelta(days=2))
    assert webhooks.replay(actor=actor, code=webhook.code, delivery=rows[0].code) == 1
    assert webhooks.replay(actor=actor, code=webhook.code, since=clock.now() - timedelta(days=1)) == 2
    for number in jobs():
        tasks.deliver_webhook(delivery_id=number)
    assert [p.headers["Keqiao-Delivery"] for p in twin.posted] == [row.code for row in rows]
    for given in ({"delivery": "nobody"}, {}):
        with pytest.raises((NotFound, BadInput)):
            webhooks.replay(actor=actor, code=webhook.code, **given)


def test_deleted_it_keeps_neither_address_nor_secret_nor_log(actor, ours):
    webhook = make_webhook(organisation=ours)
    make_delivery(webhook)
    webhooks.delete_webhook(actor=actor, code=webhook.code)
    webhook.refresh_from_db()
    assert (webhook.url, webhook.secret, webhook.old_secret, Delivery.objects.count()) == ("", "", "", 0)
    with pytest.raises(NotFound):
        webhooks.delete_webhook(actor=actor, code=webhook.code)


def test_the_log_is_kept_for_the_parameters_days(ours):
    webhook = make_webhook(organisation=ours)
    old, kept = make_delivery(webhook), make_delivery(webhook)
    Delivery.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(days=31))
    tasks.forget_old(timestamp=0)
    assert Delivery.objects.get() == kept


def test_jobs_and_events_act_for_the_system_alone(actor):
    with pytest.raises(NotAllowed):
        webhooks.queue_event(actor=actor, event_id=1, event="catalogue.need_published", at=clock.now(), facts={})
    with pytest.raises(NotAllowed):
        webhooks.forget_old_deliveries(actor=actor)


def test_erased_its_maker_leaves_it_to_the_organisation(ours):
    person = make_person(organisation=ours)
    webhook = make_webhook(organisation=ours, person=person)
    assert personal.export_of(person.pk)["integrations"]["webhooks_made"] == [webhook.code]
    personal.erase(person.pk)
    webhook.refresh_from_db()
    assert (webhook.made_by_id, webhook.is_active) == (None, True)


# --- pages and API ----------------------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(client, ours):
    person = make_person(organisation=ours, role=Role.RD_MANAGER)
    client.force_login(person.user)
    return client


def test_the_pages_from_end_to_end(signed_in, ours, twin):
    sent = {"organisation": ours.code, "url": URL, "kinds": ["need.published"]}
    refused = signed_in.post("/me/webhooks", {**sent, "url": "http://example.org"})
    assert (refused.status_code, 'href="#f-url"' in refused.content.decode()) == (422, True)
    page = signed_in.post("/me/webhooks", sent)["Location"]
    webhook = Webhook.objects.get()
    assert page == f"/me/webhooks/{webhook.code}"
    assert webhook.secret in signed_in.get(page).content.decode()
    Webhook.objects.update(url=twin.url)
    signed_in.post(f"{page}/ping")
    tasks.deliver_webhook(delivery_id=Delivery.objects.get().pk)
    assert json.loads(twin.posted[0].body)["kind"] == "ping"
    assert "已送达" in signed_in.get(page).content.decode()
    assert signed_in.post(f"{page}/replay", {"since": "gestern"}).status_code == 422
    assert signed_in.post(f"{page}/replay", {"since": "2026-01-01"}).status_code == 302
    assert signed_in.post(f"{page}/replay", {"delivery": Delivery.objects.get().code}).status_code == 302
    assert signed_in.post(page, {"url": URL, "kinds": []}).status_code == 422
    assert signed_in.post(page, {"url": URL + "/2", "kinds": ["need.closed"]}).status_code == 302
    for action in ("rotate", "off", "on"):
        assert signed_in.post(f"{page}/{action}").status_code == 302
    webhook.refresh_from_db()
    assert (webhook.url, webhook.kinds, webhook.is_active, bool(webhook.old_secret)) == (
        URL + "/2",
        ["need.closed"],
        True,
        True,
    )
    assert signed_in.post(f"{page}/delete")["Location"] == "/me/webhooks"
    assert signed_in.get(page).status_code == 404


def test_the_page_says_why_one_cannot(client, ours):
    client.force_login(make_person(organisation=ours, role=Role.RESEARCHER).user)
    foreign = make_webhook(organisation=ours)
    answer = client.get("/me/webhooks")
    assert foreign.code not in answer.content.decode()
    assert client.get(f"/me/webhooks/{foreign.code}").status_code == 404
    sent = {"organisation": ours.code, "url": URL, "kinds": ["need.published"]}
    assert client.post("/me/webhooks", sent).status_code == 403


@pytest.mark.parametrize("where", ["list", "log"])
@pytest.mark.slow
def test_pages_cost_the_same_for_one_and_for_three(signed_in, ours, where):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    first = make_webhook(organisation=ours)
    counts = []
    for rows in (1, 2):
        for _n in range(rows):
            make_webhook(organisation=ours)
            make_delivery(first, answer="x", status=500)
        with CaptureQueriesContext(connection) as caught:
            assert signed_in.get("/me/webhooks" if where == "list" else f"/me/webhooks/{first.code}").status_code == 200
        counts.append(len(caught))
    assert counts[0] == counts[1]


def test_the_api_from_end_to_end(client, ours, twin):
    _token, secret = make_token(person=make_person(organisation=ours, role=Role.RD_MANAGER))
    headers = bearer(secret)

    def send(verb, path, payload=None):
        return getattr(client, verb)(
            f"/api/v1{path}", json.dumps(payload or {}), content_type="application/json", headers=headers
        )

    made = send("post", "/webhooks", {"organisation": ours.code, "url": URL, "kinds": ["need.published"]})
    assert (made.status_code, made.json()["secret"][:4]) == (201, "kqw_")
    path = f"/webhooks/{made.json()['code']}"
    assert "secret" not in client.get(f"/api/v1{path}", headers=headers).json()
    assert send("patch", path, {"is_active": False}).json()["is_active"] is False
    assert send("patch", path, {"is_active": True, "url": "http://x"}).json()["field"] == "url"
    assert send("post", f"{path}/secret").json()["secret"] != made.json()["secret"]
    make_delivery(Webhook.objects.get(), state="failed")
    (row,) = client.get(f"/api/v1{path}/deliveries", headers=headers).json()["items"]
    assert send("post", f"{path}/replay", {"delivery": row["code"]}).json() == {"count": 1}
    assert send("post", f"{path}/replay", {"since": "2026-01-01T00:00:00"}).json()["field"] == "since"
    assert send("delete", path).status_code == 204
    assert client.get("/api/v1/webhooks", headers=headers).json()["total"] == 0


def test_notices_by_the_api(client, ours):
    from keqiao.kernel import notices

    person = make_person(organisation=ours)
    _token, secret = make_token(person=person)
    for key in ("1", "2"):
        notices.tell(
            actor=parties.system(), person_id=person.pk, kind="k", key=key, title_zh=key, title_en=key, link="/needs"
        )
    headers = bearer(secret)
    listed = client.get("/api/v1/me/notices", headers=headers).json()
    assert (listed["total"], listed["unread"], [row["title_zh"] for row in listed["items"]]) == (2, 2, ["2", "1"])
    number = listed["items"][0]["number"]
    call = {"content_type": "application/json", "headers": headers}
    assert client.post(f"/api/v1/me/notices/{number}/read", "{}", **call).json()["read_at"]
    assert client.post("/api/v1/me/notices/read", "{}", **call).json() == {"count": 1}
    other = make_token()[1]
    assert client.post(f"/api/v1/me/notices/{number}/read", headers=bearer(other)).status_code == 404
    wish = {"items": [{"kind": "other", "email": "daily", "uses_channels": False}]}
    assert wish["items"][0] in client.put("/api/v1/me/notices/settings", json.dumps(wish), **call).json()["items"]
    wish["items"][0]["kind"] = "nobody.named"
    assert client.put("/api/v1/me/notices/settings", json.dumps(wish), **call).status_code == 404
