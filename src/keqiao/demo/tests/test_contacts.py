"""Threads of the demo: one in each state, loaded once."""

import pytest

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.demo import contacts
from keqiao.engagement.models import Contact, SavedSearch
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.mark.slow
def test_the_demo_loads_threads_in_each_state_once():
    enterprise, university = make_organisation(kind="enterprise"), make_organisation(kind="university")
    make_person(email=contacts.ENTERPRISE, organisation=enterprise, role=Role.RD_MANAGER)
    make_person(email=contacts.OFFICER, organisation=university, role=Role.CONVERSION_OFFICER)
    make_person(email=contacts.RESEARCHER, organisation=university, role=Role.RESEARCHER)
    make_person(email=contacts.BROKER, organisation=make_organisation(kind="agency"), role=Role.TECHNOLOGY_MANAGER)
    for _n in range(3):
        make_need(publisher=enterprise)
        make_achievement(owner=university)
    for _again in range(2):
        contacts.load(progress=lambda _text: None)
    states = sorted(Contact.objects.values_list("state", flat=True))
    assert states == ["answered", "closed", "declined", "handed_over", "sent", "sent", "sent"]
    assert SavedSearch.objects.count() == 2
