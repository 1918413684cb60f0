"""A copy of one's own data, erasure, and records that have had their time."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from keqiao.accounts import selectors, services, tasks
from keqiao.accounts.models import Consent, DataExport, ErasureRequest, MobileNumber, StandingIn
from keqiao.accounts.tests.privacy_factories import agree, load_agreements
from keqiao.accounts.types import NotConfirmed
from keqiao.kernel import clock, files, notices, personal
from keqiao.kernel.errors import NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, Notice, StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
system = parties.system()


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def opened(export):
    with files.open_file(export.file) as file, zipfile.ZipFile(io.BytesIO(file.read())) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}


def exported(actor):
    export = services.ask_for_export(actor=actor)
    tasks.make_export(export_id=export.pk)
    export.refresh_from_db()
    return export


# --- export -------------------------------------------------------------------------------------------------------------


def test_a_copy_of_all_that_is_held():
    load_agreements()
    person = make_person(organisation=make_organisation(name_zh="澄源新材"), name_zh="许砚秋", email="xu@example.org")
    actor = parties.actor_for(person.user)
    agree(actor)
    export = exported(actor)
    assert (export.state, export.parts_done, export.part_count) == (
        "ready",
        len(personal.names()),
        len(personal.names()),
    )
    assert timedelta(days=6, hours=23) < export.expires_at - clock.now() <= timedelta(days=7)
    content = opened(export)
    assert set(content) == {"manifest.json", *(f"{name}.json" for name in personal.names())}
    assert content["parties.json"]["person"]["name_zh"] == "许砚秋"
    assert content["parties.json"]["posts"][0]["organisation"] == "澄源新材"
    assert [line["document"] for line in content["accounts.json"]["consents"]] == [
        "privacy-2026-11-01",
        "agreement-2026-11-01",
    ]
    told = [notice.kind for notice in notices.notices_of(actor)]
    assert told == ["accounts.export_ready"]


def test_no_secret_is_in_the_copy():
    actor = make_actor()
    user = get_user_model().objects.get(person__pk=actor.person_id)
    text = json.dumps(opened(exported(actor)))
    assert user.password not in text


def test_one_copy_at_a_time():
    actor = make_actor()
    first = services.ask_for_export(actor=actor)
    with pytest.raises(WrongState):
        services.ask_for_export(actor=actor)
    assert DataExport.objects.count() == 1
    tasks.make_export(export_id=first.pk)
    services.ask_for_export(actor=actor)
    assert DataExport.objects.count() == 2


@pytest.mark.parametrize("who", [parties.visitor(), system])
def test_only_people_ask(who):
    with pytest.raises(NotAllowed):
        services.ask_for_export(actor=who)
    assert DataExport.objects.count() == 0


def test_the_job_may_run_twice():
    actor = make_actor()
    export = exported(actor)
    tasks.make_export(export_id=export.pk)
    assert StoredFile.objects.count() == 1
    assert Event.objects.filter(name="accounts.export_made").count() == 1


def test_a_job_that_breaks_says_so_and_goes_again(monkeypatch):
    actor = make_actor()
    export = services.ask_for_export(actor=actor)
    personal.holds_personal_data("broken", export=lambda _id: 1 / 0, erase=lambda _id: None)
    try:
        with pytest.raises(ZeroDivisionError):
            tasks.make_export(export_id=export.pk)
    finally:
        del personal._holdings["broken"]
    export.refresh_from_db()
    assert (export.state, export.file, StoredFile.objects.count()) == ("failed", None, 0)
    tasks.make_export(export_id=export.pk)
    export.refresh_from_db()
    assert export.state == "ready"


def test_a_consent_withdrawn_while_it_runs_stands_in_it_and_does_not_stop_it():
    """The copy is a right that needs no consent; consents are read last."""
    load_agreements()
    actor = make_actor()
    agree(actor, "agreement", "privacy", "digest")

    def withdraw(person_id):
        for key in ("digest-2026-11-01", "privacy-2026-11-01"):
            services.withdraw_consent(actor=actor, person_id=person_id, document=key)
        return "read while the consent was withdrawn"

    personal.holds_personal_data("zz_last_of_the_others", export=withdraw, erase=lambda _id: None)
    try:
        export = exported(actor)
    finally:
        del personal._holdings["zz_last_of_the_others"]
    assert export.state == "ready"
    lines = opened(export)["accounts.json"]["consents"]
    assert [(line["document"], line["is_given"]) for line in lines[:2]] == [
        ("privacy-2026-11-01", False),
        ("digest-2026-11-01", False),
    ]


def test_an_erasure_while_it_runs_stops_it():
    actor = make_actor()
    export = services.ask_for_export(actor=actor)
    personal.holds_personal_data("zz", export=personal.erase, erase=lambda _id: None)
    try:
        tasks.make_export(export_id=export.pk)
    finally:
        del personal._holdings["zz"]
    export.refresh_from_db()
    assert (export.state, export.file, StoredFile.objects.count()) == ("expired", None, 0)


def test_only_the_owner_opens_it_until_it_expires():
    actor = make_actor()
    export = exported(actor)
    now = clock.now()
    assert selectors.get_export(export.pk, actor=actor, now=now) == export
    for other in (make_actor(), make_operator(), parties.visitor()):
        with pytest.raises(NotFound):
            selectors.get_export(export.pk, actor=other, now=now)
    with pytest.raises(NotFound):
        selectors.get_export(export.pk, actor=actor, now=now + timedelta(days=8))


def test_expired_files_are_deleted(django_capture_on_commit_callbacks):
    export = exported(make_actor())
    path = files.path_of(export.file.digest)
    assert path.exists()
    assert services.drop_old_exports(actor=system) == 0
    DataExport.objects.update(expires_at=clock.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert services.drop_old_exports(actor=system) == 1
    export.refresh_from_db()
    assert (export.state, export.file_id, StoredFile.objects.count(), path.exists()) == ("expired", None, 0, False)


@pytest.mark.parametrize("name", ["drop_old_exports", "forget_old_records"])
def test_cleaning_is_for_jobs(name):
    with pytest.raises(NotAllowed):
        getattr(services, name)(actor=make_operator())


# --- erasure ------------------------------------------------------------------------------------------------------------


def asked(actor):
    request = services.ask_for_erasure(actor=actor, is_confirmed=True)
    ErasureRequest.objects.filter(pk=request.pk).update(due_at=clock.now())
    return request


def test_erasure_waits_and_can_be_called_off():
    actor = make_actor()
    request = services.ask_for_erasure(actor=actor, is_confirmed=True)
    assert timedelta(days=6, hours=23) < request.due_at - clock.now() <= timedelta(days=7)
    assert services.erase_person(actor=system, request_id=request.pk) is False
    services.cancel_erasure(actor=actor)
    ErasureRequest.objects.update(due_at=clock.now())
    tasks.erase_people(timestamp=0)
    assert services.erase_person(actor=system, request_id=request.pk) is False
    assert Person.objects.get(pk=actor.person_id).name_zh.startswith("测试人员")
    services.ask_for_erasure(actor=actor, is_confirmed=True)  # asked anew


@pytest.mark.parametrize(
    ("who", "confirmed", "error"),
    [("person", False, NotConfirmed), ("visitor", True, NotAllowed), ("system", True, NotAllowed)],
)
def test_erasure_asks_who_it_is(who, confirmed, error):
    actor = {"person": make_actor(), "visitor": parties.visitor(), "system": system}[who]
    with pytest.raises(error):
        services.ask_for_erasure(actor=actor, is_confirmed=confirmed)
    assert (ErasureRequest.objects.count(), Event.objects.count()) == (0, 0)


def test_erasure_is_asked_once_and_the_last_operator_stays():
    actor = make_actor()
    services.ask_for_erasure(actor=actor, is_confirmed=True)
    with pytest.raises(WrongState):
        services.ask_for_erasure(actor=actor, is_confirmed=True)
    operator = make_operator()
    with pytest.raises(WrongState):
        services.ask_for_erasure(actor=operator, is_confirmed=True)
    make_operator()
    services.ask_for_erasure(actor=operator, is_confirmed=True)
    assert ErasureRequest.objects.count() == 2


def test_nothing_to_call_off():
    for who in (make_actor(), parties.visitor()):
        with pytest.raises(WrongState):
            services.cancel_erasure(actor=who)


def test_only_the_job_erases():
    actor = make_actor()
    request = asked(actor)
    with pytest.raises(NotAllowed):
        services.erase_person(actor=make_operator(), request_id=request.pk)
    assert ErasureRequest.objects.get().done_at is None


def test_the_account_is_closed_and_what_hung_on_it_is_gone(client, django_capture_on_commit_callbacks):
    load_agreements()
    person = make_person(organisation=make_organisation(), name_zh="林若川", email="lin@example.org")
    user, actor = person.user, parties.actor_for(person.user)
    agree(actor)
    EmailAddress.objects.create(user=user, email="lin@example.org", verified=True, primary=True)
    MobileNumber.objects.create(user=user, number="+8613800138000", verified_at=clock.now())
    client.force_login(user)
    listed = SessionStore()
    listed["_auth_user_id"] = str(user.pk)
    listed.create()
    UserSession.objects.create(user=user, session_key=listed.session_key, ip="192.0.2.7", user_agent="A browser")
    other = SessionStore()
    other.create()
    export = exported(actor)
    path = files.path_of(export.file.digest)
    StandingIn.objects.create(
        operator_id=make_operator().person_id, person=person, reason="林若川来电", ends_at=clock.now()
    )
    asked(actor)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.erase_people(timestamp=0)
    person.refresh_from_db()
    user.refresh_from_db()
    assert (str(person), person.name_en) == ("已注销用户", "Erased user")
    assert (user.is_active, user.email, user.username, user.has_usable_password()) == (
        False,
        "",
        f"erased-{user.pk}",
        False,
    )
    assert parties.actor_for(user).person_id is None
    assert [model.objects.filter(user=user).count() for model in (EmailAddress, MobileNumber, UserSession)] == [0, 0, 0]
    assert list(Session.objects.values_list("session_key", flat=True)) == [other.session_key]
    assert not path.exists()
    assert Notice.objects.filter(person_id=person.pk).count() == 0
    assert Consent.objects.filter(person=person).count() == 2  # ids and dates
    assert not person.posts.filter(ended_on=None).exists()
    assert StandingIn.objects.get().reason == "［已删除］"
    assert ErasureRequest.objects.get().done_at is not None
    assert Event.objects.filter(name="accounts.person_erased").count() == 1
    tasks.erase_people(timestamp=0)
    assert Event.objects.filter(name="accounts.person_erased").count() == 1
    assert client.get("/me").status_code == 302


def test_one_that_breaks_does_not_keep_the_others_waiting(caplog):
    stuck, other = make_actor(), make_actor()
    asked(stuck)
    asked(other)

    def breaks(person_id):
        if person_id == stuck.person_id:
            raise RuntimeError("stuck")

    personal.holds_personal_data("breaks", export=lambda _id: None, erase=breaks)
    try:
        tasks.erase_people(timestamp=0)
    finally:
        del personal._holdings["breaks"]
    done = dict(ErasureRequest.objects.values_list("person_id", "done_at"))
    assert (done[stuck.person_id], done[other.person_id] is not None) == (None, True)
    assert "could not be carried out" in caplog.text


def test_erasure_is_all_or_nothing():
    actor = make_actor()
    request = asked(actor)
    personal.holds_personal_data("broken", export=lambda _id: None, erase=lambda _id: 1 / 0)
    holdings = personal._holdings
    holdings.update({"broken": holdings.pop("broken")})
    first = {"broken": holdings["broken"]}
    rest = {name: part for name, part in holdings.items() if name != "broken"}
    holdings.clear()
    holdings.update({**first, **rest})  # asked last: everything else is erased by then
    try:
        with pytest.raises(ZeroDivisionError):
            services.erase_person(actor=system, request_id=request.pk)
    finally:
        del holdings["broken"]
    assert Person.objects.get(pk=actor.person_id).name_zh.startswith("测试人员")
    assert ErasureRequest.objects.get().done_at is None


# --- who somebody is in a text ------------------------------------------------------------------------------------------

LIN = personal.Identity(("林若川", "Lin Ruochuan"), ("lin@example.org", "+8613800138000"))
GAO = personal.Identity(("高峰",), ())


@pytest.mark.parametrize(
    ("identity", "text", "wanted"),
    [
        (LIN, "联系人林若川，电话 13800138000", "联系人［已删除］，电话 ［已删除］"),
        (LIN, "LIN@example.org / +8613800138000", "［已删除］ / ［已删除］"),
        (LIN, "by Lin Ruochuan and Lin Ruochuanson", "by ［已删除］ and Lin Ruochuanson"),
        (
            GAO,
            "高峰时段负荷；高峰教授；联系人：高峰，1 号楼",
            "高峰时段负荷；［已删除］教授；联系人：［已删除］，1 号楼",
        ),
        (GAO, "登高峰顶", "登高峰顶"),
        (personal.Identity(), "谁也不是", "谁也不是"),
    ],
)
def test_names_and_addresses_are_taken_out(identity, text, wanted):
    assert identity.scrubbed(text) == wanted


def test_a_field_that_is_a_name_becomes_a_mark():
    content = {"team": [{"name_zh": "林若川", "name_en": "lin ruochuan", "n": 1}], "note": None}
    assert LIN.scrubbed_json(content) == {
        "team": [{"name_zh": "已注销用户", "name_en": "Erased user", "n": 1}],
        "note": None,
    }


# --- retention ----------------------------------------------------------------------------------------------------------


def test_old_records_go_and_young_ones_stay():
    person, operator = make_person(), make_operator()
    now = clock.now()
    for days, key in ((31, "old"), (29, "young")):
        UserSession.objects.create(user=person.user, session_key=key, ip="192.0.2.7", user_agent="A browser")
        UserSession.objects.filter(session_key=key).update(last_seen_at=now - timedelta(days=days))
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=60))
    Session.objects.create(session_key="over", session_data="", expire_date=now - timedelta(days=1))
    for days in (366, 364):
        notice = Notice.objects.create(person_id=person.pk, kind="x", key=str(days), title_zh="x", title_en="x")
        Notice.objects.filter(pk=notice.pk).update(created_at=now - timedelta(days=days))
    for days in (1096, 1094):
        end = now - timedelta(days=days)
        StandingIn.objects.create(
            operator_id=operator.person_id, person=person, reason="x" * 10, ends_at=end, ended_at=end
        )
    tasks.forget_old_records(timestamp=0)
    assert list(Session.objects.values_list("session_key", flat=True)) == ["young"]
    assert list(UserSession.objects.values_list("session_key", flat=True)) == ["young"]
    assert list(Notice.objects.values_list("key", flat=True)) == ["364"]
    assert StandingIn.objects.count() == 1
    assert services.forget_old_records(actor=system) == {"sessions": 0, "sign_ins": 0, "notices": 0, "standing_ins": 0}
