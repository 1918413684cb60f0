"""While the database is being restarted every page says so, without asking it anything."""

import pytest
from django.db import OperationalError

from keqiao.catalogue import selectors


@pytest.fixture
def _away(monkeypatch):
    def gone(*_args, **_named):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(selectors, "needs_visible_to", gone)


@pytest.mark.django_db
@pytest.mark.usefixtures("_away")
def test_pages_and_api_answer_503(client):
    page = client.get("/needs/XQ-2026-01873")
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "数据库正在恢复" in page.content.decode()
    answer = client.get("/api/v1/needs/XQ-2026-01873")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")


def test_a_bug_under_the_api_is_a_problem_too(rf):
    from keqiao.web import views

    answer = views.broken(rf.get("/api/v1/needs"))
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
