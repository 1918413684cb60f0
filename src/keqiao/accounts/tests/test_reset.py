"""A forgotten password."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from keqiao.accounts.tests.factories import SECRET, last_code, make_account, run_jobs, sent_mails
from keqiao.kernel.models import Event, Notice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
NEW = "another long phrase"


def reset(client, address="xu@example.org", password=NEW):
    client.post("/reset-password", {"address": address})
    client.post("/reset-password/code", {"code": last_code()})
    return client.post("/reset-password/new", {"password": password})


def test_a_new_password_by_code_ends_every_other_session(client, sends):
    user = make_account()
    elsewhere = Client()
    elsewhere.post("/sign-in", {"username": "xu@example.org", "password": SECRET})
    assert elsewhere.get("/me").status_code == 200
    assert reset(client)["Location"] == "/"
    assert client.get("/me").status_code == 200
    assert elsewhere.get("/me").status_code == 302
    assert get_user_model().objects.get().check_password(NEW)
    event = Event.objects.get(name="accounts.password_changed")
    assert event.actor_id == user.person.pk
    assert Notice.objects.get(kind="accounts.security").person_id == user.person.pk


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client, sends):
    make_account()
    assert client.post("/reset-password", {"address": "no@example.org"})["Location"] == "/reset-password/code"
    run_jobs()
    assert sent_mails() == []
    assert client.post("/reset-password/code", {"code": last_code()}).status_code == 200
    assert client.post("/reset-password/new", {"password": NEW})["Location"] == "/reset-password"
    assert get_user_model().objects.get().check_password(SECRET)


def test_a_bad_password_changes_nothing(client, sends):
    make_account()
    answer = reset(client, password="short")
    assert "至少 10 个字符" in answer.content.decode()
    assert get_user_model().objects.get().check_password(SECRET)
    assert Event.objects.filter(name="accounts.password_changed").count() == 0


def test_the_second_step_still_stands(client, sends):
    from keqiao.accounts.tests.test_sign_in import with_second_step

    with_second_step(make_account())
    assert reset(client)["Location"] == "/sign-in/second-step"
    assert client.get("/me").status_code == 302


def test_once(client, sends):
    make_account()
    reset(client)
    client.post("/sign-out")
    assert client.get("/reset-password/new")["Location"] == "/reset-password"
