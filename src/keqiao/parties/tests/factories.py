"""Plain functions that build parties rows."""

from itertools import count

from django.contrib.auth import get_user_model

from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.selectors import actor_for
from keqiao.parties.types import Role

_number = count(1)
PASSWORD = "lanjiang-2026-demo"


def make_organisation(**fields):
    number = next(_number)
    fields.setdefault("code", f"ORG-{number:05d}")
    fields.setdefault("kind", "enterprise")
    fields.setdefault("name_zh", f"澜江测试单位{number}")
    return Organisation.objects.create(**fields)


def make_person(*, email=None, organisation=None, role=Role.RD_MANAGER, **fields):
    number = next(_number)
    email = email or f"person{number}@example.org"
    fields.setdefault("name_zh", f"测试人员{number}")
    fields.setdefault("user", get_user_model().objects.create_user(email, email, PASSWORD))
    person = Person.objects.create(**fields)
    if organisation:
        Post.objects.create(person=person, organisation=organisation, role=role)
    return person


def make_actor(*, organisation=None, role=Role.RD_MANAGER):
    return actor_for(make_person(organisation=organisation, role=role).user)


def make_operator():
    return make_actor(organisation=make_organisation(kind="agency"), role=Role.ADMINISTRATOR)
