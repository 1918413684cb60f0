"""The API of runs over all pairs: an operator's program begins, follows and stops one; nobody else finds any."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from keqiao.catalogue.tests.factories import make_need
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.matching import indexing
from keqiao.matching.tests.factories import forget_everything, load_rules
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/matching/all-pairs"
ROLES = {"exchange": Role.ADMINISTRATOR, "university": Role.CONVERSION_OFFICER}


def ask(client: Client, kind: str, method: str, address: str = RUNS) -> tuple[int, Any]:
    person = make_person(organisation=make_organisation(kind=kind), role=ROLES[kind])
    headers = bearer(make_token(person=person, scopes=["matching:read", "matching:write"])[1])
    answer = client.generic(method, address, headers=headers)
    return answer.status_code, json.loads(answer.content)


def test_an_operators_program_begins_follows_and_stops_a_run(
    client: Client, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    forget_everything()
    load_rules()
    assert ask(client, "exchange", "POST")[0] == 503  # no index yet
    make_need()
    indexing.rebuild(lambda _text: None)
    status, begun = ask(client, "exchange", "POST")
    assert (status, begun["state"], begun["needs"], begun["done"], begun["shards"]) == (202, "running", 1, 0, 1)
    assert (begun["failing"], begun["faults"], begun["fault"], begun["fault_at"]) == (0, 0, "", None)
    assert ask(client, "exchange", "POST") == (202, begun)  # the same one
    one = f"{RUNS}/{begun['code']}"
    assert ask(client, "exchange", "GET", one) == (200, begun)
    assert ask(client, "exchange", "GET")[1]["items"] == [begun]
    assert ask(client, "university", "GET", one)[0] == 404
    assert ask(client, "university", "GET")[1]["total"] == 0
    assert ask(client, "university", "POST")[0] == 403
    assert ask(client, "university", "POST", f"{one}/stop")[0] == 403
    assert ask(client, "exchange", "POST", f"{one}/stop")[1]["state"] == "stopped"
    assert ask(client, "exchange", "POST", f"{RUNS}/QP-NONE/stop")[0] == 404
    forget_everything()
