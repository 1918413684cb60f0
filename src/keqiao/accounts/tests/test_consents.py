"""Agreements, the ledger of consents, and what waits for a consent."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from keqiao.accounts import selectors, services
from keqiao.accounts.models import Agreement, Consent
from keqiao.accounts.tests.privacy_factories import agree, load_agreements, make_agreement
from keqiao.accounts.types import ConsentMissing
from keqiao.kernel import clock
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator

pytestmark = pytest.mark.django_db
system = parties.system()


@publishes
@command
def post_something(*, actor):
    return "posted"


def ledger(actor):
    return [(line.agreement.key, line.is_given) for line in selectors.ledger_of(actor.person_id)]


def test_the_shipped_texts_are_loaded_once_and_stay():
    assert services.load_agreements(actor=system) == 5
    assert services.load_agreements(actor=system) == 0
    in_force = selectors.agreements_in_force(clock.today())
    assert [row.kind for row in in_force] == ["agreement", "privacy", "digest", "learning", "translation"]
    assert all(row.text_zh.startswith("# ") and row.text_en.startswith("# ") for row in in_force)


def test_only_operators_load(tmp_path):
    with pytest.raises(NotAllowed):
        services.load_agreements(actor=make_actor())
    assert Agreement.objects.count() == 0


def test_a_file_with_a_wrong_name_is_refused(tmp_path):
    (tmp_path / "cookies-2026.zh.md").write_text("# x")
    with pytest.raises(BadInput, match="privacy-2026-11-01"):
        services.load_agreements(actor=system, folder=tmp_path)


def test_consent_is_given_once_and_withdrawn():
    load_agreements()
    actor = make_actor()
    assert [row.kind for row in selectors.missing_consents(actor.person_id, clock.today())] == ["agreement", "privacy"]
    agree(actor)
    agree(actor)
    assert selectors.missing_consents(actor.person_id, clock.today()) == []
    services.withdraw_consent(actor=actor, person_id=actor.person_id, document="privacy-2026-11-01")
    assert ledger(actor) == [
        ("privacy-2026-11-01", False),
        ("privacy-2026-11-01", True),
        ("agreement-2026-11-01", True),
    ]
    assert [row.kind for row in selectors.missing_consents(actor.person_id, clock.today())] == ["privacy"]
    agree(actor)
    assert selectors.missing_consents(actor.person_id, clock.today()) == []
    names = list(Event.objects.order_by("pk").values_list("name", flat=True))
    assert names == [
        "accounts.consent_given", "accounts.consent_given", "accounts.consent_withdrawn", "accounts.consent_given",
    ]  # fmt: skip


def test_an_optional_consent_has_a_purpose_and_a_version():
    load_agreements()
    actor = make_actor()
    assert not selectors.has_consent(actor.person_id, "digest", clock.today())
    agree(actor, "digest")
    assert selectors.has_consent(actor.person_id, "digest", clock.today())
    assert selectors.people_with_consent("digest", clock.today()) == {actor.person_id}
    make_agreement("digest")  # a newer text does not inherit the old consent
    assert not selectors.has_consent(actor.person_id, "digest", clock.today())
    assert selectors.people_with_consent("digest", clock.today()) == frozenset()


@pytest.mark.parametrize(
    "documents", [["privacy-2020-01-01"], ["agreement-2026-11-01", "nonsense"], ["privacy-2027-01-01"]]
)
def test_only_versions_in_force_all_or_none(documents):
    load_agreements()
    make_agreement("privacy", clock.today().replace(year=2027, month=1, day=1))
    actor = make_actor()
    with pytest.raises(BadInput, match="privacy-2026-11-01") as refused:
        services.give_consents(actor=actor, person_id=actor.person_id, documents=documents)
    assert refused.value.field == "documents"
    assert (Consent.objects.count(), Event.objects.count()) == (0, 0)


def test_nobody_consents_for_another():
    load_agreements()
    one, other = make_actor(), make_actor()
    for who in (other, make_operator(), parties.visitor()):
        with pytest.raises(NotAllowed):
            services.give_consents(actor=who, person_id=one.person_id, documents=["privacy-2026-11-01"])
        with pytest.raises(NotAllowed):
            services.withdraw_consent(actor=who, person_id=one.person_id, document="privacy-2026-11-01")
    assert Consent.objects.count() == 0


def test_what_was_not_given_cannot_be_withdrawn():
    load_agreements()
    actor = make_actor()
    with pytest.raises(WrongState):
        services.withdraw_consent(actor=actor, person_id=actor.person_id, document="digest-2026-11-01")
    with pytest.raises(NotFound):
        services.withdraw_consent(actor=actor, person_id=actor.person_id, document="digest-x")
    assert Consent.objects.count() == 0


def test_a_newer_version_asks_again_and_only_posting_waits():
    load_agreements()
    actor = make_actor()
    with pytest.raises(ConsentMissing):
        post_something(actor=actor)
    agree(actor)
    assert post_something(actor=actor) == "posted"
    make_agreement("agreement")
    with pytest.raises(ConsentMissing):
        post_something(actor=actor)
    assert post_something(actor=system) == "posted"  # a job acts for nobody
    agree(actor)
    assert post_something(actor=actor) == "posted"


def test_without_any_text_nothing_is_asked():
    assert post_something(actor=make_actor()) == "posted"


@pytest.mark.parametrize("table", [Agreement, Consent])
def test_rows_are_never_changed(table):
    load_agreements()
    agree(make_actor())
    row = table.objects.first()
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        table.objects.filter(pk=row.pk).update(**({"digest": "x"} if table is Agreement else {"is_given": False}))
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        table.objects.filter(pk=row.pk)._raw_delete("default")


# --- newer versions -----------------------------------------------------------------------------------------------------

TEXT = {
    "text_zh": "# 隐私政策\n\n新的一版，说明新增了什么。",
    "text_en": "# Privacy policy\n\nA new version, and what is new.",
}


def test_operators_add_a_newer_version():
    load_agreements()
    tomorrow = clock.today() + timedelta(days=1)
    row = services.add_agreement(actor=make_operator(), kind="privacy", first_on=tomorrow, **TEXT)
    assert [v.key for v in selectors.agreement_versions("privacy")] == [row.key, "privacy-2026-11-01"]
    assert [v.key for v in selectors.agreements_in_force(tomorrow) if v.kind == "privacy"] == [row.key]
    assert [v.key for v in selectors.agreements_in_force(clock.today()) if v.kind == "privacy"] == [
        "privacy-2026-11-01"
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "cookies"}, "kind"),
        ({"days": -1}, "first_on"),
        ({"text_zh": "没有标题的一段很长很长很长很长很长的文字"}, "text_zh"),
        ({"text_en": ""}, "text_en"),
        ({"text_zh": "# 题\n" + "长" * 200_001}, "text_zh"),
    ],
)
def test_a_bad_version_is_refused(changes, field):
    given = {"kind": "privacy", **TEXT, **{k: v for k, v in changes.items() if k != "days"}}
    with pytest.raises(BadInput) as refused:
        services.add_agreement(
            actor=make_operator(), first_on=clock.today() + timedelta(days=changes.get("days", 1)), **given
        )
    assert refused.value.field == field
    assert Agreement.objects.count() == 0


def test_one_version_a_day_and_only_by_operators():
    day = clock.today() + timedelta(days=1)
    with pytest.raises(NotAllowed):
        services.add_agreement(actor=make_actor(), kind="privacy", first_on=day, **TEXT)
    services.add_agreement(actor=make_operator(), kind="privacy", first_on=day, **TEXT)
    with pytest.raises(BadInput) as refused:
        services.add_agreement(actor=make_operator(), kind="privacy", first_on=day, **TEXT)
    assert (refused.value.field, Agreement.objects.count()) == ("first_on", 1)
