from datetime import timedelta

import pytest

from keqiao.catalogue import services, tasks
from keqiao.catalogue.models import Need
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.models import Event, Notice
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def home(rules):
    return make_organisation()


@pytest.fixture
def manager(home):
    return make_actor(organisation=home, role=Role.RD_MANAGER)


def in_days(days):
    return clock.today() + timedelta(days=days)


def test_what_is_past_its_last_day_leaves_public_view_and_its_owner_hears(home, manager):
    gone, stays = make_need(publisher=home, expires_on=in_days(-1)), make_need(publisher=home, expires_on=in_days(0))
    result = make_achievement(expires_on=in_days(-1))
    assert tasks.expire_items(0) == 2
    for item, state in ((gone, "expired"), (stays, "published"), (result, "expired")):
        item.refresh_from_db()
        assert item.state == state
    notice = Notice.objects.get(person_id=manager.person_id)
    assert (notice.kind, notice.link) == ("catalogue.expired", f"/needs/{gone.code}")
    assert tasks.expire_items(0) == 0
    services.renew_need(actor=manager, code=gone.code)
    assert Need.objects.get(pk=gone.pk).state == "published"


@pytest.mark.parametrize(("days", "told"), [(31, 0), (30, 1), (27, 1), (26, 0), (8, 0), (7, 1), (4, 1), (3, 0)])
def test_owners_are_reminded_some_days_before(home, manager, days, told):
    make_need(publisher=home, expires_on=in_days(days))
    assert tasks.remind_owners(0) == told
    assert tasks.remind_owners(0) == 0
    assert Notice.objects.filter(person_id=manager.person_id, kind="catalogue.expires_soon").count() == told


def test_a_renewed_item_is_reminded_of_again_in_its_new_term(home, manager):
    need = make_need(publisher=home, expires_on=in_days(7))
    assert tasks.remind_owners(0) == 1
    services.renew_need(actor=manager, code=need.code)
    assert tasks.remind_owners(0) == 0
    Need.objects.update(expires_on=in_days(30))
    assert tasks.remind_owners(0) == 1


def test_only_the_job_reminds(home, manager):
    need = make_need(publisher=home, expires_on=in_days(7))
    with pytest.raises(NotAllowed):
        services.remind_of_expiry(actor=manager, kind="need", code=need.code, days=7)
    assert Notice.objects.count() == 0


def test_a_reason_is_from_the_list(home, manager):
    need = make_need(publisher=home)
    with pytest.raises(BadInput) as refused:
        services.close_need(actor=manager, code=need.code, reason="boring")
    need.refresh_from_db()
    assert (refused.value.field, need.state, Event.objects.count()) == ("reason", "published", 0)
    services.withdraw_need(actor=manager, code=need.code, reason="outdated")
    assert Event.objects.get().data == {"reason": "outdated"}


def test_what_is_closed_or_expired_can_be_withdrawn_for_good(home, manager):
    for state in ("closed", "expired"):
        need = make_need(publisher=home, state=state)
        assert services.withdraw_need(actor=manager, code=need.code).state == "withdrawn"
