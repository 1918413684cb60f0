"""Plain functions that build parties rows."""

from functools import cache
from itertools import count

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import SimpleUploadedFile

from keqiao.kernel.identifiers import make_credit_code
from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.selectors import actor_for
from keqiao.parties.types import Role

_number = count(1)
PASSWORD = "lanjiang-2026-demo"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@cache
def _hashed():
    """Made once: a good hash is slow on purpose."""
    return make_password(PASSWORD)


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
    if "user" not in fields:
        fields["user"] = get_user_model().objects.create(username=email, email=email, password=_hashed())
    person = Person.objects.create(**fields)
    if organisation:
        Post.objects.create(person=person, organisation=organisation, role=role)
    return person


def make_actor(*, organisation=None, role=Role.RD_MANAGER):
    return actor_for(make_person(organisation=organisation, role=role).user)


def make_operator():
    return make_actor(organisation=make_organisation(kind="agency"), role=Role.ADMINISTRATOR)


def make_post(person, organisation, role=Role.RD_MANAGER, **fields):
    return Post.objects.create(person=person, organisation=organisation, role=role, **fields)


def user_of(actor):
    return Person.objects.get(pk=actor.person_id).user


def again(actor, *, acting_for=None):
    """The same person as of now: posts may have changed."""
    return actor_for(user_of(actor), acting_for=acting_for)


def make_paper(content=PDF, name="营业执照.pdf"):
    return SimpleUploadedFile(name, content)


def make_code():
    """A credit code of nobody."""
    return make_credit_code(f"test {next(_number)}")
