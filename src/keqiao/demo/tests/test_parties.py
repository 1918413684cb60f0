"""What the demo adds about people on their way in."""

import pytest

from keqiao.accounts import services as accounts
from keqiao.demo import parties as demo
from keqiao.parties import selectors
from keqiao.parties.models import JoinRequest, OrganisationAlias, Verification
from keqiao.parties.tests.factories import PASSWORD, make_organisation


@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
def test_the_queues_have_something_to_show(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    accounts.load_agreements(actor=selectors.system())
    organisations = {
        "lut": make_organisation(kind="university").pk,
        "chengyuan": make_organisation(kind="enterprise").pk,
    }
    demo.load(selectors.system(), organisations, password=PASSWORD)
    counts = (JoinRequest.objects.count(), Verification.objects.count(), OrganisationAlias.objects.count())
    assert counts == (2, 1, 3)
    assert not Verification.objects.get().organisation.is_verified
