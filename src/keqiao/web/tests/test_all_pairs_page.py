"""The administrators' page 全量匹配."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from keqiao.kernel import clock
from keqiao.matching.models import PairsRun, PairsShard
from keqiao.parties.tests.factories import make_actor, make_operator, user_of

pytestmark = pytest.mark.django_db
PAGE = "/admin/all-pairs"


def signed_in(client: Client, actor: Any) -> Client:
    client.force_login(user_of(actor), backend="django.contrib.auth.backends.ModelBackend")
    return client


def make_run(number: int, state: str = "done") -> PairsRun:
    now = clock.now()
    ended = {"begun_at": now - timedelta(hours=number), "ended_at": None if state == "running" else now}
    run = PairsRun.objects.create(code=f"QP-{number}", state=state, version="x", needs=300, **ended)
    for place in range(3):
        more = {"first_need_id": place * 100, "last_need_id": place * 100 + 99, "needs": 100}
        done = {"kept": 500, "changed": 7, "done_at": now} if state == "done" or place == 0 else {}
        PairsShard.objects.create(run=run, code=f"QS-{number}-{place}", **more, **done)
    return run


def test_only_operators_find_it(client: Client) -> None:
    assert client.get(PAGE).status_code == 302
    assert signed_in(client, make_actor()).get(PAGE).status_code == 404
    assert client.post(PAGE, {"go": "begin"}).status_code == 404


def test_progress_is_shown_and_a_run_is_stopped(client: Client) -> None:
    signed_in(client, make_operator())
    assert "还没有做过" in client.get(PAGE).content.decode()
    make_run(1, "running")
    page = client.get(PAGE).content.decode()
    assert "100 / 300 项需求" in page
    assert "现在开始" not in page
    part = client.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert "100 / 300 项需求" in part
    assert "<main" not in part
    assert client.post(PAGE, {"go": "stop", "run": "QP-1"}).status_code == 302
    assert PairsRun.objects.get().state == "stopped"
    assert "现在开始" in client.get(PAGE).content.decode()
    assert client.post(PAGE, {"go": "stop", "run": "QP-9"}).status_code == 404


def test_faults_are_shown_with_their_kind_and_what_happens_next(client: Client) -> None:
    signed_in(client, make_operator())
    run = make_run(1, "running")
    run.fault, run.fault_at = "OSError ENOSPC · matching/all_pairs/library.py:9", clock.now()
    run.save()
    run.shards.filter(done_at=None).update(faults=2)
    page = client.get(PAGE).content.decode()
    assert "出错 4 次" in page
    assert "<code>OSError ENOSPC · matching/all_pairs/library.py:9</code>" in page
    assert "2 批未能完成" in page
    run.shards.update(faults=0)
    PairsRun.objects.update(faults=1)
    assert "连续一小时仍出错" in client.get(PAGE).content.decode()
    PairsRun.objects.update(state="failed", ended_at=clock.now())
    page = client.get(PAGE).content.decode()
    assert "出错停止" in page
    assert "OSError ENOSPC" in page
    assert "现在开始" in page


def test_without_an_index_the_page_says_so(client: Client, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    answer = signed_in(client, make_operator()).post(PAGE, {"go": "begin"})
    assert answer.status_code == 503
    assert "检索索引正在建立" in answer.content.decode()


def test_many_runs_cost_the_same_and_are_paged(client: Client, django_assert_max_num_queries: Any) -> None:
    signed_in(client, make_operator())
    for number in range(1, 4):
        make_run(number)
    with django_assert_max_num_queries(12):
        assert client.get(PAGE).content.decode().count("300 / 300") == 3
    for number in range(4, 25):
        make_run(number)
    with django_assert_max_num_queries(12):
        assert client.get(PAGE).content.decode().count("300 / 300") == 20
    assert client.get(f"{PAGE}?page=2").content.decode().count("300 / 300") == 4
