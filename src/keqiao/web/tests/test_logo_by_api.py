"""An organisation's logo by the API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.tests.test_logo import SVG, picture
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def ours(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_organisation(kind="university")


@pytest.fixture
def actor(ours):
    return make_actor(organisation=ours, role=Role.CONVERSION_OFFICER)


def test_by_the_api(client, actor, ours):
    _token, secret = make_token(person=Person.objects.get(pk=actor.person_id))
    place = f"/api/v1/organisations/{ours.code}"
    headers = bearer(secret)
    refused = client.post(f"{place}/logo", {"logo": SimpleUploadedFile("x.png", SVG)}, headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (422, "logo")
    made = client.post(f"{place}/logo", {"logo": SimpleUploadedFile("x.png", picture())}, headers=headers)
    assert made.status_code == 201
    address = made.json()["logo"]
    assert address.startswith(f"/organisations/{ours.code}/logo?v=")
    assert client.get(address).status_code == 200
    assert client.get(place).json()["logo"] == address
    assert client.delete(f"{place}/logo", headers=headers).status_code == 204
    assert client.get(place).json()["logo"] is None
    assert client.delete(f"{place}/logo", headers=headers).status_code == 404
