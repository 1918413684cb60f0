"""keqiao admin: the first administrator, the list, and that the last one stays."""

import argparse
import io

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password

from keqiao.cli import admin
from keqiao.cli.errors import CommandTrouble
from keqiao.kernel.errors import NotFound, WrongState
from keqiao.kernel.models import Event
from keqiao.parties import administrators
from keqiao.parties import selectors as parties
from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.tests.factories import make_organisation, make_person

pytestmark = pytest.mark.django_db
PASSWORD = "一个-不常见的-密码-9"


def run(*words):
    """As the command line does once the database is there."""
    parser = argparse.ArgumentParser()
    admin.add_arguments(parser)
    args = parser.parse_args(words)
    return {"add": admin._add, "list": admin._list, "remove": admin._remove}[args.action](args)


@pytest.fixture
def typed(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))


@pytest.mark.usefixtures("typed")
def test_the_first_administrator():
    assert run("add", "--email", "First@Example.org", "--name", "何管理") == 0
    user = get_user_model().objects.get()
    assert (user.username, user.person.name_zh, check_password(PASSWORD, user.password)) == (
        "first@example.org",
        "何管理",
        True,
    )
    assert parties.actor_for(user).is_operator
    assert Organisation.objects.get().code == administrators.OPERATOR_CODE


def test_a_link_sets_the_password_once(client, capsys):
    run("add", "--email", "first@example.org", "--name", "Ann First", "--link")
    link = capsys.readouterr().out.splitlines()[-1].removeprefix("http://localhost:8000")
    page = client.get(link)
    assert (page.status_code, "first@example.org" in page.content.decode()) == (200, True)
    assert client.post(link, {"new_password1": "short", "new_password2": "short"}).status_code == 422
    given = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert client.post(link, given).headers["Location"] == "/sign-in"
    assert check_password(PASSWORD, get_user_model().objects.get().password)
    assert client.get(link).status_code == 404
    assert client.post(link, given).status_code == 404


@pytest.mark.parametrize(
    "address",
    ["/first-password", "/first-password?who=x&token=y", "/first-password?who=MQ&token=", "/first-password?who=%00"],
)
def test_a_made_up_link_opens_nothing(client, address):
    assert client.get(address).status_code in {400, 404}


def test_an_account_that_exists_takes_the_role(capsys):
    person = make_person(email="known@example.org", organisation=make_organisation())
    own = make_organisation(code="DW-7")
    assert run("add", "--email", "known@example.org", "--organisation", "DW-7") == 0
    assert run("add", "--email", "known@example.org", "--organisation", "DW-7") == 0  # again is harmless
    post = Post.objects.get(role="administrator")
    assert (post.person, post.organisation, Person.objects.count()) == (person, own, 1)
    run("list")
    assert "known@example.org" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "typed_in", "error", "said"),
    [
        (("add", "--email", "nobody", "--name", "x"), PASSWORD, CommandTrouble, "no e-mail address"),
        (("add", "--email", "a@example.org"), PASSWORD, CommandTrouble, "needs a name"),
        (("add", "--email", "a@example.org", "--name", "x"), "short", CommandTrouble, "--link"),
        (("add", "--email", "a@example.org", "--name", "x", "--organisation", "NO"), PASSWORD, NotFound, "没有找到"),
        (("remove", "--email", "a@example.org"), "", CommandTrouble, "no account"),
    ],
)
def test_what_cannot_be_done_changes_nothing(monkeypatch, words, typed_in, error, said):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed_in}\n"))
    with pytest.raises(error, match=said):
        run(*words)
    counts = [model.objects.count() for model in (Person, Post, Event, Organisation)]
    assert (counts, get_user_model().objects.count()) == ([0, 0, 0, 0], 0)


def test_the_last_one_stays():
    first, second = make_person(email="a@example.org"), make_person(email="b@example.org")
    for email in ("a@example.org", "b@example.org"):
        run("add", "--email", email)
    assert run("remove", "--email", "a@example.org") == 0
    assert not parties.actor_for(first.user).is_operator
    with pytest.raises(WrongState):
        run("remove", "--email", "b@example.org")
    assert parties.actor_for(second.user).is_operator
    with pytest.raises(NotFound):
        run("remove", "--email", "a@example.org")
    assert Event.objects.filter(name="parties.administrator_ended").count() == 1


def test_nobody_yet(capsys):
    assert run("list") == 0
    assert "keqiao admin add" in capsys.readouterr().out
