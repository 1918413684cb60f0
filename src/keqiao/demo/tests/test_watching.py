"""The demo's people watch something and share a need; loading it again adds nothing."""

import pytest

from keqiao.alerts.models import Watch
from keqiao.catalogue.tests.factories import make_code, make_need
from keqiao.demo import watching
from keqiao.joining.models import Joining
from keqiao.parties.tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def test_it_is_loaded_once():
    watching.load()  # a site without these people
    make_code()
    make_person(organisation=make_organisation(), email=watching.OFFICER)
    enterprise = make_organisation()
    make_person(organisation=enterprise, email=watching.ENTERPRISE)
    make_need(publisher=enterprise, is_fictional=True)
    other = make_need(is_fictional=True)
    for _again in range(2):
        watching.load()
    assert sorted(Watch.objects.values_list("subject", flat=True)) == ["class", "own"]
    assert Joining.objects.get().need_id == other.pk
