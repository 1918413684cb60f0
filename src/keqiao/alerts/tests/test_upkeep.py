"""What went stale is found for its reason, shown to whom it concerns, and answered with one click."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from keqiao.alerts import selectors, services, tasks
from keqiao.alerts.models import StaleItem
from keqiao.alerts.types import StaleReason
from keqiao.catalogue.models import Achievement, Attachment, IPAsset, Need
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.engagement.tests.factories import make_contact, make_world
from keqiao.kernel import clock, files
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.kernel.models import Notice, StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, user_of
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def home():
    return make_organisation()


@pytest.fixture
def owner(home):
    return make_actor(organisation=home)


def found():
    tasks.find_stale_items(timestamp=0)
    return sorted((row.item.code, row.reason) for row in StaleItem.objects.all())


def main(answer):
    html = answer.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index("<main") :]))


def test_each_reason_is_found_and_gone_when_it_no_longer_applies(home, owner):
    past, long_ago = clock.today() - timedelta(days=1), clock.now() - timedelta(days=2_000)
    late = make_need(publisher=home, deadline=past)
    work = make_achievement(owner=home)
    asset = IPAsset.objects.create(kind="invention", number="1", status="granted", owner=home, expires_on=past)
    work.assets.add(asset)
    file = files.store(actor=owner, name="检测报告.pdf", media_type="application/pdf", chunks=[b"%PDF"])
    Attachment.objects.create(achievement=work, file=file, level="public", proves="trl", position=0)
    StoredFile.objects.update(stored_at=long_ago)
    quiet = make_need(publisher=home)
    Need.objects.filter(pk=quiet.pk).update(updated_at=long_ago)
    abandoned = make_achievement(owner=make_organisation())
    make_achievement(owner=make_organisation(kind="repository"))
    for _again in range(2):
        assert found() == sorted(
            [
                (late.code, "deadline"),
                (work.code, "right"),
                (work.code, "evidence"),
                (quiet.code, "quiet"),
                (abandoned.code, "nobody"),
            ]
        )
    assert list(Notice.objects.values_list("person_id", "kind")) == [(owner.person_id, "alerts.stale")]
    IPAsset.objects.update(expires_on=None)
    Need.objects.update(deadline=None, updated_at=clock.now())
    Attachment.objects.update(proves="")
    Achievement.objects.filter(pk=abandoned.pk).update(state="closed")
    assert found() == []


def test_a_contact_shows_that_it_is_alive_and_a_bank_clerk_does_not_answer(home):
    world = make_world()
    Need.objects.update(updated_at=clock.now() - timedelta(days=2_000))
    assert (world.need.code, "quiet") in found()
    make_contact(world)
    assert (world.need.code, "quiet") not in found()
    make_actor(organisation=home, role=Role.AUDITOR)
    need = make_need(publisher=home)
    assert (need.code, "nobody") in found()


def test_confirmed_it_is_asked_again_after_a_while_only(home, owner):
    make_need(publisher=home, deadline=clock.today() - timedelta(days=1))
    found()
    services.confirm_item(actor=owner, code=StaleItem.objects.get().code)
    found()
    assert selectors.own_stale(owner).count() == 0
    StaleItem.objects.update(confirmed_at=clock.now() - timedelta(days=181))
    assert selectors.own_stale(owner).count() == 1


def test_renewed_or_withdrawn_with_one_click(client, home, owner):
    need = make_need(publisher=home, deadline=clock.today() - timedelta(days=1))
    work = make_achievement(owner=home)
    Achievement.objects.update(updated_at=clock.now() - timedelta(days=2_000))
    found()
    client.force_login(user_of(owner))
    assert "待维护的条目 2" in main(client.get("/me"))
    page = main(client.get("/me/upkeep"))
    assert ("截止日期已过" in page, "很久没有更新" in page) == (True, True)
    assert "很久没有更新，也没有人联系 ·" not in main(client.get("/me/upkeep?reason=deadline"))
    codes = {row.kind: row.code for row in StaleItem.objects.all()}
    assert "已续期" in main(client.get(client.post(f"/me/upkeep/{codes['achievement']}/renew")["Location"]))
    work.refresh_from_db()
    assert work.expires_on > clock.today()
    client.post(f"/me/upkeep/{codes['need']}/withdraw")
    need.refresh_from_db()
    assert (need.state, selectors.own_stale(owner).count()) == ("withdrawn", 0)


def test_who_may(client, home, owner):
    make_need(publisher=home, deadline=clock.today() - timedelta(days=1), publisher_shown="hidden")
    found()
    code = StaleItem.objects.get().code
    stranger, operator = make_actor(organisation=make_organisation()), make_operator()
    for step in (services.confirm_item, services.renew_stale_item, services.withdraw_stale_item):
        for actor in (stranger, parties.visitor()):
            with pytest.raises(NotFound):
                step(actor=actor, code=code)
    with pytest.raises(NotAllowed):
        services.find_stale(actor=owner, reason=StaleReason.QUIET)
    client.force_login(user_of(operator))
    assert "没有需要维护的条目" in main(client.get("/me/upkeep"))
    assert "截止日期已过" in main(client.get("/me/upkeep?box=all"))
    client.force_login(user_of(stranger))
    assert "没有需要维护的条目" in main(client.get("/me/upkeep?box=all"))
    services.confirm_item(actor=operator, code=code)


def test_rows_cost_no_queries(client, home, owner):
    client.force_login(user_of(owner))
    counts = []
    for more in (1, 3):
        for _n in range(more):
            make_need(publisher=home, deadline=clock.today() - timedelta(days=1))
            make_achievement(owner=home)
        Achievement.objects.update(updated_at=clock.now() - timedelta(days=2_000))
        found()
        client.get("/me/upkeep")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/me/upkeep").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
