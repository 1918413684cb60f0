"""The API: what is public, what is hidden, refusals as problem+json, and the committed OpenAPI file."""

import json
from pathlib import Path

import pytest
from ninja import Schema

from keqiao.catalogue.tests.factories import make_achievement, make_code, make_need
from keqiao.catalogue.types import Shown
from keqiao.integrations.types import SCOPES
from keqiao.web.api import api, scopes_of_operations

pytestmark = pytest.mark.django_db
OPENAPI = Path(__file__).parent.parent / "docs" / "reference" / "openapi.json"


def paths():
    """As committed, which the long checks hold against what is served: to build them takes seconds."""
    return json.loads(OPENAPI.read_text(encoding="utf-8"))["paths"]


@pytest.mark.slow
def test_openapi_file_is_the_one_committed(client):
    served = client.get("/api/v1/openapi.json").json()
    assert json.loads(OPENAPI.read_text(encoding="utf-8")) == served == json.loads(json.dumps(api.get_openapi_schema()))


def test_every_operation_declares_its_refusals():
    declared = {"400", "401", "403", "404", "422", "429", "503"}
    missing = [
        f"{verb} {path}"
        for path, operations in paths().items()
        for verb, operation in operations.items()
        if not declared <= {str(status) for status in operation["responses"]}
        or not {"200", "201", "202", "204"} & {str(status) for status in operation["responses"]}
    ]
    assert missing == []


def test_lists_show_what_is_public(client):
    need, _ = make_need(), make_need(state="draft")
    answer = client.get("/api/v1/needs").json()
    assert (answer["total"], [item["code"] for item in answer["items"]]) == (1, [need.code])


def test_one_item_tells_the_figures_of_its_text_and_how_they_are_known(client):
    text = "实测水通量为 18.2 LMH/bar。寿命预计可达 2 年。厚度 0.2 mm。"
    item = make_achievement(texts={"zh": {"title": "耐酸膜", "summary": text}})
    figures = client.get(f"/api/v1/achievements/{item.code}").json()["figures"]
    assert [(one["name"], one["status"], text[one["start"] : one["end"]]) for one in figures] == [
        ("水通量", "measured", "18.2 LMH/bar"),
        ("寿命", "claimed", "2 年"),
        ("厚度", "unknown", "0.2 mm"),
    ]
    assert client.get("/api/v1/achievements").json()["items"][0]["figures"] is None


@pytest.mark.parametrize("shown", [Shown.HIDDEN, Shown.MATCHED])
def test_an_anonymous_publisher_is_nowhere_in_the_answer(client, shown):
    need = make_need(publisher_shown=shown)
    for address in ("/api/v1/needs", f"/api/v1/needs/{need.code}"):
        text = client.get(address).content.decode()
        assert need.publisher.code not in text
        assert need.publisher.name_zh not in text


@pytest.mark.parametrize("kind", ["needs", "achievements", "organisations"])
def test_hidden_looks_like_missing(client, kind):
    hidden = {"needs": make_need, "achievements": make_achievement}.get(kind, lambda **_: None)(state="draft")
    code = hidden.code if hidden else "DW-404"
    answers = [client.get(f"/api/v1/{kind}/{c}") for c in (code, "ZZ-404")]
    bodies = [(a.status_code, a.headers["Content-Type"], a.json()) for a in answers]
    assert bodies[0] == bodies[1]
    assert bodies[0][:2] == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/needs?page=0", 422),
        ("/api/v1/needs?page=x", 422),
        ("/api/v1/needs?per_page=1000000", 422),
        ("/api/v1/needs/%00", 400),
        ("/api/v1/needs/" + "A" * 400, 422),
        ("/api/v1/rules?on=yesterday", 422),
        ("/api/v1/codes/none", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/search?kind=people", 422),
    ],
)
def test_refusals_are_problems(client, address, status):
    answer = client.get(address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


@pytest.mark.parametrize("verb", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written(client, verb):
    assert getattr(client, verb)("/api/v1/needs").status_code == 405


@pytest.mark.parametrize("address", ["/api/v1/needs", "/api/v1/achievements", "/api/v1/organisations"])
def test_lists_cost_the_same_queries_for_one_and_for_three(client, address, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for _ in range(2):
        make_need(publisher_shown=Shown.MATCHED)
        make_achievement(indicators=[{"name_zh": "通量", "value": "1"}])
        with CaptureQueriesContext(connection) as caught:
            assert client.get(address).status_code == 200
        counts.append(len(caught))
        make_need()
        make_achievement()
    assert counts[0] == counts[1]


def test_code_tables(client):
    make_code(scheme="field", code="materials")
    make_code(scheme="ipc", code="B01D", parent="B01", title_zh="分离")
    answer = client.get("/api/v1/codes/ipc?parent=B01").json()
    assert [(item["code"], item["title_zh"]) for item in answer["items"]] == [("B01D", "分离")]


def test_every_scope_that_an_operation_asks_for_is_in_the_table():
    assert set(scopes_of_operations(api).values()) <= set(SCOPES)


def test_what_changes_asks_for_a_scope():
    scopes = scopes_of_operations(api)
    loose = [
        f"{verb} {path}"
        for path, operations in paths().items()
        for verb, operation in operations.items()
        if verb != "get" and operation["operationId"] not in scopes
    ]
    assert loose == []


def test_every_shape_has_a_name_of_its_own():
    """The document holds one shape a name: of two, one would describe answers that it is not of."""
    names = [shape.__name__ for shape in set(every_shape(Schema))]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def every_shape(shape):
    below = [found for part in shape.__subclasses__() for found in every_shape(part)]
    return [shape, *below] if shape.__module__.startswith("keqiao.") else below
