"""The commands by which people post or write to others wait for the agreement in force; reading does not."""

import pytest

from keqiao.accounts.services import consents
from keqiao.accounts.tests.privacy_factories import agree, load_agreements
from keqiao.accounts.types import ConsentMissing
from keqiao.engagement import services as engagement
from keqiao.kernel.errors import DomainError
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.submissions import services as submissions

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.mark.parametrize("func", [submissions.submit, engagement.send_contact, engagement.write_message])
def test_posting_is_marked(func):
    assert func.is_command
    assert func.needs_agreement


@pytest.mark.parametrize("func", [submissions.take_back, submissions.discard_draft, consents.withdraw_consent])
def test_leaving_is_not(func):
    assert not hasattr(func, "needs_agreement")


def test_it_is_asked_before_anything_is_looked_up():
    load_agreements()
    actor = make_actor(organisation=make_organisation())
    with pytest.raises(ConsentMissing):
        submissions.submit(actor=actor, code="SB-0", revision=1)
    agree(actor)
    with pytest.raises(DomainError) as other:
        submissions.submit(actor=actor, code="SB-0", revision=1)
    assert not isinstance(other.value, ConsentMissing)


def test_the_page_says_where_to_agree(client):
    load_agreements()
    from keqiao.parties.tests.factories import make_person

    person = make_person(organisation=make_organisation())
    client.force_login(person.user)
    assert "/me/agreements" in client.get("/needs").content.decode()
