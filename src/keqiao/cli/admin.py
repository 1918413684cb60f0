"""keqiao admin: who runs the site. The first administrator is made here."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from keqiao.cli import ground
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.words import pick, say
from keqiao.runtime.environment import Environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help=pick("添加平台管理员", "make somebody an administrator"))
    add.add_argument("--email", required=True, help="an account that exists takes the role; otherwise one is made")
    add.add_argument("--name", default="", help="for a new account")
    add.add_argument("--organisation", default="", metavar="CODE", help="default: the organisation that runs the site")
    add.add_argument("--link", action="store_true", help="print a link that sets the password once, ask for none")
    actions.add_parser("list", help=pick("列出平台管理员", "list the administrators"))
    remove = actions.add_parser("remove", help=pick("移除平台管理员", "take the role away"))
    remove.add_argument("--email", required=True)


def run(args: argparse.Namespace, env: Environment) -> int:
    with ground.django(env):
        ground.require_migrations()
        return {"add": _add, "list": _list, "remove": _remove}[args.action](args)


def _add(args: argparse.Namespace) -> int:
    from django.contrib.auth import get_user_model
    from django.db import transaction

    from keqiao.parties import administrators
    from keqiao.parties import selectors as parties

    email = _email(args.email)
    user = get_user_model().objects.filter(username=email).select_related("person").first()
    password = "" if user is not None or args.link else _asked_password(email)
    with transaction.atomic():
        user = user or _new_account(email, args.name, password)
        administrators.make_administrator(
            actor=parties.system(), person_id=user.person.pk, organisation_code=args.organisation
        )
    say(f"{email} 已是平台管理员", f"{email} is an administrator")
    if args.link:
        say("设置密码的链接（只能用一次，3 天内有效）：", "link to set the password (once, within 3 days):")
        print(_link(user))
    return 0


def _list(args: argparse.Namespace) -> int:  # noqa: ARG001 -- as the others
    from keqiao.parties import administrators

    rows = administrators.administrators()
    for person in rows:
        print(f"{person.user.email if person.user else '':<32} {person}")
    if not rows:
        say("还没有平台管理员：keqiao admin add --email …", "no administrator yet: keqiao admin add --email …")
    return 0


def _remove(args: argparse.Namespace) -> int:
    from django.contrib.auth import get_user_model

    from keqiao.parties import administrators
    from keqiao.parties import selectors as parties

    email = _email(args.email)
    user = get_user_model().objects.filter(username=email, person__isnull=False).select_related("person").first()
    if user is None:
        raise CommandTrouble(f"there is no account {email}: `keqiao admin list` names the administrators")
    administrators.end_administrator(actor=parties.system(), person_id=user.person.pk)
    say(f"{email} 不再是平台管理员", f"{email} is no longer an administrator")
    return 0


def _email(text: str) -> str:
    from django.core.exceptions import ValidationError
    from django.core.validators import validate_email

    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise CommandTrouble(f"{text!r} is no e-mail address, for example admin@example.org") from None
    return email


def _asked_password(email: str) -> str:
    """Twice on a terminal; one line of standard input otherwise, for scripts."""
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    if sys.stdin.isatty():
        password = getpass.getpass(pick(f"{email} 的密码：", f"password for {email}: "))
        if password != getpass.getpass(pick("再输一遍：", "again: ")):
            raise CommandTrouble("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\n")
    try:
        validate_password(password)
    except ValidationError as trouble:
        raise CommandTrouble(f"{' '.join(trouble.messages)} (or use --link)") from None
    return password


def _new_account(email: str, name: str, password: str) -> Any:
    """The system enters the person; the address counts as proved, since who runs the server typed it."""
    from django.contrib.auth import get_user_model
    from django.utils.crypto import get_random_string

    from keqiao.parties import selectors as parties
    from keqiao.parties import services as people

    if not name.strip():
        raise CommandTrouble(f"a new account needs a name: keqiao admin add --email {email} --name …")
    is_chinese = any("\u3400" <= char <= "\u9fff" for char in name)
    fields = {"name_zh" if is_chinese else "name_en": name.strip()}
    given = password or get_random_string(40)  # nobody knows it: the link replaces it
    people.register_person(actor=parties.system(), email=email, password=given, **fields)
    return get_user_model().objects.select_related("person").get(username=email)


def _link(user: Any) -> str:
    from django.conf import settings
    from django.contrib.auth.tokens import default_token_generator
    from django.utils.encoding import force_bytes
    from django.utils.http import urlencode, urlsafe_base64_encode

    query = {"who": urlsafe_base64_encode(force_bytes(user.pk)), "token": default_token_generator.make_token(user)}
    return f"{settings.SITE_URL}/first-password?{urlencode(query)}"
