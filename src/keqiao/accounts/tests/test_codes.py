"""One-time codes: sent once, proved once, for one purpose."""

from datetime import timedelta

import pytest
from django.db.models import F

from keqiao.accounts import services, tasks
from keqiao.accounts.models import AttemptCount, OneTimeCode
from keqiao.accounts.tests.factories import code_in, last_code, make_account, run_jobs, sent_mails, sent_texts
from keqiao.accounts.types import ChannelClosed
from keqiao.kernel import clock
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties

pytestmark = pytest.mark.django_db
VISITOR = parties.visitor()


def send(purpose="sign_up", channel="email", address="new@example.org"):
    return services.send_code(actor=VISITOR, purpose=purpose, channel=channel, address=address)


def prove(row, code, purpose="sign_up"):
    return services.prove_code(actor=VISITOR, code_id=row.pk, purpose=purpose, code=code)


def test_a_mail_brings_the_code_and_it_works_once(sends):
    row = send()
    assert sent_mails() == []  # never in the command
    run_jobs()
    [(to, body)] = sent_mails()
    assert to == "new@example.org"
    assert prove(row, f" {code_in(body)} ")
    assert not prove(row, code_in(body))


def test_a_text_goes_through_the_gateway(sends):
    row = send(channel="sms", address="+8613800138000")
    run_jobs()
    [(to, text)] = sent_texts()
    assert to == "+8613800138000"
    assert prove(row, code_in(text))


def test_nothing_readable_is_kept(sends):
    from django.db import connection

    send(address="secret@example.org")
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(args::text, ' ') FROM procrastinate_jobs")
        args = cursor.fetchone()[0]
    row = OneTimeCode.objects.get()
    kept = f"{args} {row.code_hash} {row.target_hash}"
    assert "secret" not in kept
    assert last_code() not in args


def test_sign_up_with_a_known_address_sends_a_word_instead_of_a_code(sends):
    make_account(address="xu@example.org")
    row = send(address="xu@example.org")
    run_jobs()
    [(to, body)] = sent_mails()
    assert to == "xu@example.org"
    assert "已有账号" in body
    assert last_code() not in body
    assert not prove(row, last_code())


def test_sign_in_with_an_unknown_address_sends_nothing_and_leaves_the_same_traces(sends):
    make_account(address="xu@example.org")
    known, unknown = send("sign_in", address="xu@example.org"), send("sign_in", address="nobody@example.org")
    assert len(run_jobs()) == 2
    assert [to for to, _body in sent_mails()] == ["xu@example.org"]
    assert not prove(unknown, last_code(pk=unknown.pk), "sign_in")
    assert prove(known, last_code(pk=known.pk), "sign_in")


def test_a_code_opens_nothing_else(sends):
    row = send()
    assert not prove(row, last_code(), "reset")
    assert prove(row, last_code())


def test_five_wrong_entries_make_it_void(sends):
    row = send()
    right = last_code()
    wrong = "000000" if right != "000000" else "111111"
    assert [prove(row, wrong) for _ in range(5)] == [False] * 5
    assert not prove(row, right)


def test_an_old_code_and_a_replaced_code_are_void(sends):
    old = send()
    OneTimeCode.objects.update(expires_at=F("expires_at") - timedelta(minutes=11))
    assert not prove(old, last_code())
    first = send(address="two@example.org")
    second = send(address="two@example.org")
    assert not prove(first, last_code(pk=first.pk))
    assert prove(second, last_code(pk=second.pk))


def test_a_used_code_is_not_sent_any_more(sends):
    row = send()
    assert prove(row, last_code())
    run_jobs()
    assert sent_mails() == []


def test_a_site_without_a_channel_refuses_and_writes_nothing(settings):
    for channel in ("email", "sms"):
        with pytest.raises(ChannelClosed):
            send(channel=channel)
    assert OneTimeCode.objects.count() == 0


@pytest.mark.usefixtures("rules")
def test_old_rows_go_after_the_days_of_the_parameter(sends):
    days = parameter("accounts.codes_kept_days", on=clock.today())
    kept, gone = send(), send()
    OneTimeCode.objects.filter(pk=kept.pk).update(expires_at=clock.now() - timedelta(days=days, minutes=-5))
    OneTimeCode.objects.filter(pk=gone.pk).update(expires_at=clock.now() - timedelta(days=days, minutes=5))
    AttemptCount.objects.create(key="x", ends_at="2020-01-01T00:00Z")
    tasks.forget_codes(0)
    assert list(OneTimeCode.objects.all()) == [kept]
    assert not AttemptCount.objects.exists()
