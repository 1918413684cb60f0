"""Pages of alerts: what they say, what they refuse, without script, at the same cost for every length."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from keqiao.alerts import services, stopping
from keqiao.alerts.models import Choice, Digest, Watch
from keqiao.alerts.tests.factories import find, send, watching
from keqiao.catalogue.models import Need
from keqiao.catalogue.tests.factories import make_achievement, make_code, make_need
from keqiao.engagement import services as engagement
from keqiao.engagement.tests.factories import make_world
from keqiao.kernel import clock
from keqiao.matching.tests.factories import make_match
from keqiao.parties.tests.factories import user_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def world():
    now = clock.now()
    return make_world(published_at=now, updated_at=now)


def main(answer):
    html = answer.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index("<main") :]))


def test_pages_lead_to_sign_in(client):
    for address in ("/me/alerts", "/me/alerts/history", "/me/alerts/TX-1", "/me/alerts/watches/GZ-1"):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"].startswith("/sign-in?next=")) == (302, True)


def test_watching_an_item_changing_and_stopping_it(client, world):
    client.force_login(world.officer.user)
    address = f"/needs/{world.need.code}"
    assert "关注" in main(client.get(address))
    to = client.post("/me/alerts/watches", {"subject": "need", "of": world.need.code})["Location"]
    page = main(client.get(to))
    assert "多少分起告诉我" in page
    assert "75 契合度高 1" in page  # one match of 90 points in the last days
    assert "95 几乎完全契合 · 现在看的 0" in main(client.get(f"{urlsplit(to).path}?threshold=95"))
    assert Watch.objects.get().threshold == 60
    for wrong in ("101", "-1", "many"):
        answer = client.post(urlsplit(to).path, {"threshold": wrong, "cadence": "weekly"})
        assert (answer.status_code, "0 到 100 的整数" in main(answer)) == (422, True)
    client.post(urlsplit(to).path, {"threshold": "95", "cadence": "weekly"})
    watch = Watch.objects.get()
    assert (watch.threshold, watch.cadence) == (95, "weekly")
    assert "已关注，停止" in main(client.get(address))
    client.post(f"/me/alerts/watches/{watch.code}/stop")
    assert "已停止" in main(client.get("/me/alerts"))
    client.post(f"/me/alerts/watches/{watch.code}/resume")
    assert Watch.objects.get().is_active


def test_fields_classes_organisations_and_searches(client, world):
    make_code()
    make_code("ipc", "B01D", "分离", "Separation")
    client.force_login(world.manager.user)
    owner = world.achievement.owner.code
    assert "关注" in main(client.get(f"/organisations/{owner}"))
    saved = engagement.save_search(actor=world.asker, query="kind=need&field=materials")
    for given in (
        {"subject": "class", "scheme": "field", "of": "materials"},
        {"subject": "class", "scheme": "ipc", "of": "B01D"},
        {"subject": "organisation", "of": owner},
        {"subject": "search", "of": str(saved.pk)},
        {"subject": "own"},
    ):
        to = client.post("/me/alerts/watches", given)["Location"]
        assert client.get(to).status_code == 200
    refused = client.post("/me/alerts/watches", {"subject": "class", "scheme": "ipc", "of": "ZZ99"})
    assert (refused.status_code, "没有这个分类" in main(refused)) == (422, True)
    assert client.post("/me/alerts/watches", {"subject": "need", "of": "XQ-0"}).status_code == 404
    listed = main(client.get("/me/alerts"))
    assert [name in listed for name in ("新材料", "B01D 分离", "澜江试验大学", "本单位条目的匹配")] == [True] * 4


def test_the_switch_stops_the_workbenchs_matches_and_says_why(client, world):
    client.force_login(world.officer.user)
    assert "为什么看到这些" in main(client.get("/me"))
    page = main(client.get("/me/alerts"))
    assert ("个人信息保护法" in page, "第十七条" in page) == (True, True)
    client.post("/me/alerts/recommendation", {"wanted": "0"})
    assert Choice.objects.get().recommends is False
    bench = main(client.get("/me"))
    assert ("您已关闭个性化推荐" in bench, "为什么看到这些" in bench) == (True, False)
    client.post("/me/alerts/recommendation", {"wanted": "1"})
    assert "为什么看到这些" in main(client.get("/me"))


def test_a_digest_explains_each_line_and_is_its_readers_alone(client, world):
    watching(world.asker)
    find(world.need)
    digest = send(world.asker)
    client.force_login(world.manager.user)
    for address in (f"/me/alerts/{digest.code}", "/me/alerts/history"):
        page = main(client.get(address))
        for part in ("新的匹配 · 匹配 90 分", "关键指标 35/35", "您关注本单位（澄源试验膜业）条目的匹配"):
            assert part in page
    client.force_login(world.officer.user)
    assert client.get(f"/me/alerts/{digest.code}").status_code == 404
    Need.objects.update(state="withdrawn")
    client.force_login(world.manager.user)
    assert "另有 1 条后来不再公开" in main(client.get("/me/alerts/history"))


def test_the_link_of_a_mail_stops_by_post_alone_without_signing_in(client, world):
    watch = watching(world.asker)
    address = stopping.link(watch.code)
    address = address[address.index("/alerts") :]
    assert "不再因为" in main(client.get(address))
    watch.refresh_from_db()
    assert watch.is_active
    for _again in range(2):
        assert "已停止" in main(client.post(address, {"List-Unsubscribe": "One-Click"}))
    watch.refresh_from_db()
    assert not watch.is_active
    assert client.get("/alerts/stop?t=x").status_code == 404


def test_rows_cost_no_queries(client, world):
    client.force_login(world.manager.user)
    counts = []
    for _n in range(2):
        for _more in range(3):
            need = make_need(published_at=clock.now(), updated_at=clock.now())
            achievement = make_achievement()
            make_match(need, achievement)
            watching(world.asker, "need", need.code)
            watching(world.asker, "achievement", achievement.code)
            find(need)
        Digest.objects.update(made_on=clock.today() - timedelta(days=1))
        digest = send(world.asker)
        for address in ("/me/alerts", f"/me/alerts/{digest.code}", "/me/alerts/history"):
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            counts.append((address.rpartition("/")[2][:3], len(queries)))
    assert counts[:3] == counts[3:]


def test_a_watch_of_what_became_hidden_names_it_no_more(client, world):
    services.start_watch(actor=world.owner, subject="need", of=world.need.code)
    Need.objects.update(state="withdrawn")
    client.force_login(user_of(world.owner))
    assert "规模化涂覆" not in main(client.get("/me/alerts"))
