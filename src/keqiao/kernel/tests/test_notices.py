"""How notices reach people: wishes, mail at once and daily, messengers, the link that stops a mail."""

import json
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail

from keqiao.kernel import clock, messengers, notices
from keqiao.kernel.errors import BadInput, NotFound
from keqiao.kernel.models import Notice, NoticeChannel, NoticeDelivery, NoticePreference, Parameter
from keqiao.kernel.tests import twin as twins
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules", "_kinds")]
WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abcd-1234"


@pytest.fixture
def _kinds(monkeypatch):
    monkeypatch.setattr(notices, "_kinds", {notices.OTHER: notices.kind_of(notices.OTHER)})
    notices.kind("test.match", "新的匹配", email="daily")
    notices.kind("test.contact", "有人联系")


@pytest.fixture
def reader():
    return make_actor()


@pytest.fixture(autouse=True)
def _mails(settings):
    settings.SENDS_EMAIL = True
    settings.SITE_URL = "https://keqiao.example"


def told(reader, kind="test.contact", key="1", **more):
    given = {"title_zh": "标题" + key, "title_en": "Title " + key, "link": "/needs/XQ-1", **more}
    assert notices.tell(actor=parties.system(), person_id=reader.person_id, kind=kind, key=key, **given)
    return Notice.objects.get(person_id=reader.person_id, key=key)


def jobs(name):
    from procrastinate.contrib.django.models import ProcrastinateJob

    return [job.args for job in ProcrastinateJob.objects.filter(task_name=f"keqiao.kernel.tasks.{name}").order_by("id")]


def test_defaults_are_those_of_the_kind(reader):
    at_once = [told(reader), told(reader, "unknown.kind", "2")]
    told(reader, "test.match", "3")
    assert [job["notice_id"] for job in jobs("mail_notice")] == [row.pk for row in at_once]


def test_what_one_chose_counts(reader):
    notices.choose(actor=reader, wishes={"test.contact": ("never", False), "other": ("daily", True)})
    told(reader), told(reader, "unknown.kind", "2")
    assert jobs("mail_notice") == []
    wishes = {name: (w.email, w.uses_channels) for name, w in notices.wishes_of(reader.person_id).items()}
    assert wishes == {"test.contact": ("never", False), "test.match": ("daily", True), "other": ("daily", True)}
    notices.choose(actor=reader, wishes={"test.contact": ("at_once", True)})
    assert NoticePreference.objects.count() == 2


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"test.contact": ("daily", True), "nobody.named": ("daily", True)}, NotFound),
        ({"other": ("x", True)}, BadInput),
    ],
)
def test_strange_wishes_leave_nothing(reader, wishes, error):
    with pytest.raises(error):
        notices.choose(actor=reader, wishes=wishes)
    assert not NoticePreference.objects.exists()


@pytest.mark.parametrize(("language", "subject"), [("zh-hans", "标题1"), ("en", "Title 1"), ("", "标题1")])
def test_a_mail_is_in_the_language_of_its_reader(reader, language, subject):
    Person.objects.filter(pk=reader.person_id).update(language=language)
    notices.languages_come_from(parties.language_of)
    notices.send(told(reader))
    (message,) = mail.outbox
    assert (message.subject, message.to) == (subject, [parties.email_of(reader.person_id)])
    assert "https://keqiao.example/needs/XQ-1" in message.body
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_title_with_a_line_break_forges_no_header(reader):
    notices.send(told(reader, title_zh="标题\nBcc: a@example.org"))
    assert mail.outbox[0].subject == "标题 Bcc: a@example.org"


def test_the_daily_mail_holds_what_waits_and_goes_out_once(reader):
    other = make_actor()
    for key in ("1", "2"):
        told(reader, "test.match", key)
    read, at_once = told(reader, "test.match", "3"), told(reader, "test.contact", "4")
    notices.mark_read(actor=reader, notice_id=read.pk)
    told(other, "test.contact", "5")
    moment = clock.now() + timedelta(seconds=1)
    assert notices.people_for_digest(moment) == [reader.person_id]
    assert [notices.send_digest(reader.person_id, moment) for _n in range(2)] == [2, 0]
    (message,) = mail.outbox
    assert message.subject == "科桥：2 条新消息"
    assert [title in message.body for title in ("标题1", "标题2", "标题3", "标题4")] == [True, True, False, False]
    assert at_once.mailed_at is None
    assert notices.people_for_digest(moment) == []


def test_other_kinds_follow_the_wishes_for_other(reader):
    notices.choose(actor=reader, wishes={"other": ("daily", True)})
    told(reader, "unknown.kind")
    assert notices.people_for_digest(clock.now() + timedelta(seconds=1)) == [reader.person_id]


def test_a_context_may_name_all_its_kinds_at_once(reader):
    notices.kind("whole", "一整类", email="daily")
    told(reader, "whole.one", "1"), told(reader, "whole.two", "2"), told(reader, "wholesale.x", "3")
    assert len(jobs("mail_notice")) == 1
    assert notices.send_digest(reader.person_id, clock.now() + timedelta(seconds=1)) == 2
    assert [row.name for row in notices.kinds_told(reader)] == ["whole", "other"]
    assert notices.of_kind(notices.notices_of(reader), "whole").count() == 2
    assert [row.key for row in notices.of_kind(notices.notices_of(reader), "other")] == ["3"]


def test_what_was_told_after_the_hour_waits_for_tomorrow(reader):
    told(reader, "test.match")
    earlier = clock.now() - timedelta(hours=1)
    assert notices.people_for_digest(earlier) == []


def test_the_hour_is_a_parameter_in_the_sites_zone(monkeypatch):
    at = {"now": datetime(2026, 11, 20, 7, 59, tzinfo=clock.site_zone())}
    monkeypatch.setattr(notices.clock, "now", lambda: at["now"])
    assert notices.digest_moment() is None
    at["now"] += timedelta(hours=5)
    assert notices.digest_moment() == datetime(2026, 11, 20, 8, tzinfo=clock.site_zone())
    Parameter.objects.filter(key="notices.digest_hour").update(value=20)
    assert notices.digest_moment() is None


def test_the_job_makes_one_job_a_person(reader, monkeypatch):
    from keqiao.kernel import tasks

    told(reader, "test.match", "1"), told(reader, "test.match", "2")
    moment = clock.now() + timedelta(seconds=1)
    monkeypatch.setattr(notices, "digest_moment", lambda: moment)
    tasks.mail_digests(timestamp=0)
    (job,) = jobs("mail_digest")
    tasks.mail_digest(**job)
    assert [message.to for message in mail.outbox] == [[parties.email_of(reader.person_id)]]


# --- the link that stops a mail -----------------------------------------------------------------------------------------


def test_the_link_of_a_mail_stops_its_kind(reader, client):
    notices.send(told(reader))
    link = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    token = parse_qs(urlsplit(link).query)["t"][0]
    assert client.get(link).status_code == 200
    assert not NoticePreference.objects.exists()  # mail programs look at links: looking stops nothing
    assert client.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert NoticePreference.objects.values_list("kind", "email").get() == ("test.contact", "never")
    assert client.get(f"/notices/unsubscribe?t={token[:-1]}x").status_code == 404
    assert client.post("/notices/unsubscribe", {"t": "x"}).status_code == 404


def test_the_link_of_the_daily_mail_stops_all_that_is_daily(reader):
    notices.choose(actor=reader, wishes={"other": ("daily", False)})
    link = notices.unsubscribe_link(reader.person_id, notices.TOLD_ALL)
    notices.unsubscribe(actor=parties.visitor(), token=parse_qs(urlsplit(link).query)["t"][0])
    wishes = {name: (w.email, w.uses_channels) for name, w in notices.wishes_of(reader.person_id).items()}
    assert wishes == {"test.contact": ("at_once", True), "test.match": ("never", True), "other": ("never", False)}


# --- messengers -----------------------------------------------------------------------------------------------------------


def add(reader, **given):
    return notices.add_channel(actor=reader, **{"messenger": "wecom", "url": WECOM, **given})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"messenger": "slack"}, "messenger"),
        ({"url": "https://example.org/hook"}, "url"),
        ({"url": WECOM.replace("https", "http")}, "url"),
        ({"messenger": "dingtalk", "secret": "x" * 201}, "secret"),
    ],
)
def test_strange_robots_are_refused(reader, given, field):
    with pytest.raises(BadInput) as caught:
        add(reader, **given)
    assert (caught.value.field, NoticeChannel.objects.count()) == (field, 0)


def test_nobody_has_more_robots_than_the_parameter_says(reader):
    for _n in range(5):
        add(reader)
    with pytest.raises(BadInput):
        add(reader)
    assert NoticeChannel.objects.count() == 5


def test_only_ones_own_robots(reader):
    channel, other = add(reader), make_actor()
    for call in (
        lambda: notices.remove_channel(actor=other, channel_id=channel.pk),
        lambda: notices.switch_channel(actor=other, channel_id=channel.pk, is_active=False),
        lambda: notices.try_channel(actor=other, channel_id=channel.pk),
    ):
        with pytest.raises(NotFound):
            call()
    assert NoticeChannel.objects.get().is_active
    assert not Notice.objects.exists()


@pytest.fixture
def twin(settings, monkeypatch):
    server, stop = twins.start()
    settings.OUTGOING_HOSTS = frozenset({"127.0.0.1"})
    yield server
    stop()


@pytest.mark.parametrize(
    ("messenger", "path", "answer", "content"),
    [
        ("wecom", "/cgi-bin/webhook/send?key=k", {"errcode": 0}, lambda body: body["text"]["content"]),
        ("dingtalk", "/robot/send?access_token=k", {"errcode": 0}, lambda body: body["text"]["content"]),
        ("feishu", "/open-apis/bot/v2/hook/k", {"code": 0}, lambda body: body["content"]["text"]),
    ],
)
def test_a_notice_reaches_the_robot_once(reader, twin, messenger, path, answer, content):
    from keqiao.kernel import tasks

    twin.answer = json.dumps(answer).encode()
    add(reader, messenger=messenger, url=twin.url + path, secret="word")
    told(reader)
    (job,) = jobs("deliver_notice")
    for _n in range(2):
        tasks.deliver_notice(**job)
    (posted,) = twin.posted
    assert content(json.loads(posted.body)) == "标题1\nhttps://keqiao.example/needs/XQ-1"
    assert posted.headers["Content-Type"] == "application/json; charset=utf-8"
    delivery = NoticeDelivery.objects.get()
    assert (delivery.attempts, delivery.sent_at is not None, delivery.last_problem) == (1, True, "")


def test_a_robot_that_is_away_is_tried_again_and_given_up(reader, twin):
    from keqiao.kernel import tasks

    twin.answer = b'{"errcode": 93000}'
    add(reader, url=twin.url + "/cgi-bin/webhook/send?key=secret-key")
    told(reader)
    (job,) = jobs("deliver_notice")
    for _n in range(len(notices.AGAIN_AFTER) + 2):
        tasks.deliver_notice(**job)
    delivery = NoticeDelivery.objects.get()
    assert (delivery.attempts, delivery.sent_at) == (len(notices.AGAIN_AFTER) + 1, None)
    assert delivery.last_problem == "the messenger refused it"
    assert len(jobs("deliver_notice")) == 1 + len(notices.AGAIN_AFTER)


def test_neither_log_nor_row_holds_a_key(reader, settings, caplog):
    from keqiao.kernel import tasks

    settings.OUTGOING_HOSTS = frozenset({"127.0.0.1"})
    add(reader, url="http://127.0.0.1:9/cgi-bin/webhook/send?key=secret-key", secret="word")
    told(reader)
    tasks.deliver_notice(**jobs("deliver_notice")[0])
    assert "secret-key" not in caplog.text + NoticeDelivery.objects.get().last_problem + str(jobs("deliver_notice"))


def test_switched_off_or_unwanted_nothing_is_sent(reader, twin):
    channel = add(reader)
    notices.switch_channel(actor=reader, channel_id=channel.pk, is_active=False)
    told(reader)
    notices.switch_channel(actor=reader, channel_id=channel.pk, is_active=True)
    notices.choose(actor=reader, wishes={"test.contact": ("at_once", False)})
    told(reader, key="2")
    assert jobs("deliver_notice") == []
    notices.remove_channel(actor=reader, channel_id=channel.pk)
    assert not NoticeChannel.objects.exists()


# --- pages ------------------------------------------------------------------------------------------------------------


def sign_in(client, reader):
    client.force_login(Person.objects.get(pk=reader.person_id).user)


def test_the_list_its_filters_and_marks(client, reader):
    sign_in(client, reader)
    first, second = told(reader), told(reader, "test.match", "2")
    told(make_actor(), key="3", title_zh="别人的")
    text = client.get("/me/notices").content.decode()
    assert ("标题1" in text, "标题2" in text, "别人的" in text) == (True, True, False)
    assert "消息，2 条未读" in text
    only = client.get("/me/notices?kind=test.match").content.decode()
    assert ("标题1" in only, "标题2" in only) == (False, True)
    assert client.post(f"/me/notices/{first.pk}/read", {"open": "1"})["Location"] == "/needs/XQ-1"
    assert "标题1" not in client.get("/me/notices?unread=1").content.decode()
    client.post("/me/notices/read")
    second.refresh_from_db()
    assert second.read_at is not None
    assert "条未读" not in client.get("/me/notices").content.decode()


def test_anothers_notice_is_missing(client, reader):
    notice = told(make_actor())
    sign_in(client, reader)
    assert client.post(f"/me/notices/{notice.pk}/read").status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_the_settings_page_keeps_what_is_chosen(client, reader):
    sign_in(client, reader)
    sent = {
        "email:test.contact": "daily",
        "robots:test.contact": "1",
        "email:test.match": "never",
        "email:other": "at_once",
    }
    assert client.post("/me/notices/settings", sent)["Location"] == "/me/notices/settings?saved=1"
    wishes = {name: (w.email, w.uses_channels) for name, w in notices.wishes_of(reader.person_id).items()}
    assert wishes == {"test.contact": ("daily", True), "test.match": ("never", False), "other": ("at_once", False)}
    assert client.get("/me/notices/settings?saved=1").status_code == 200


def test_robots_on_the_page_are_masked(client, reader):
    sign_in(client, reader)
    answer = client.post("/me/notices/channels", {"messenger": "wecom", "url": "https://example.org/"})
    assert (answer.status_code, 'href="#f-url"' in answer.content.decode()) == (422, True)
    client.post("/me/notices/channels", {"messenger": "wecom", "url": WECOM})
    text = client.get("/me/notices/settings").content.decode()
    assert (messengers.masked(WECOM) in text, "abcd-1234" in text) == (True, False)
    channel = NoticeChannel.objects.get()
    for action in ("try", "off", "on", "remove"):
        assert client.post(f"/me/notices/channels/{channel.pk}/{action}").status_code == 302
    assert not NoticeChannel.objects.exists()


@pytest.mark.parametrize("address", ["/me/notices", "/me/notices/settings"])
@pytest.mark.slow
def test_pages_cost_the_same_for_one_and_for_three(client, reader, address):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    sign_in(client, reader)
    counts = []
    for keys in (("1",), ("2", "3")):
        for key in keys:
            told(reader, key=key)
            add(reader)
        with CaptureQueriesContext(connection) as caught:
            assert client.get(address).status_code == 200
        counts.append(len(caught))
    assert counts[0] == counts[1]
