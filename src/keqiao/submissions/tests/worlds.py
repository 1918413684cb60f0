"""A small world for tests of review: an enterprise with an author and reviewers, operators, and ways to get somewhere."""

from dataclasses import dataclass
from typing import Any

from keqiao.parties.models import Person, Post
from keqiao.parties.selectors import actor_for
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation
from keqiao.parties.types import Role
from keqiao.submissions import services
from keqiao.submissions.models import Submission
from keqiao.submissions.tests.factories import make_draft


@dataclass
class World:
    organisation: Any
    author: Any  # a researcher: writes, does not review
    reviewer: Any
    colleague: Any  # reviews too
    operator: Any
    second_operator: Any
    stranger: Any

    def draft(self, kind="need", **given):
        return make_draft(kind, actor=self.author, organisation=self.organisation, **given)

    def submitted(self, kind="need", **given):
        draft = self.draft(kind, **given)
        return services.submit(actor=self.author, code=draft.code, revision=draft.revision)

    def at_platform(self, kind="need", **given):
        found = self.submitted(kind, **given)
        return services.approve(actor=self.reviewer, code=found.code, revision=found.revision)

    def accepted(self, kind="need", **given):
        found = self.at_platform(kind, **given)
        return services.accept(actor=self.operator, code=found.code, revision=found.revision)


def make_world(kind="enterprise"):
    organisation = make_organisation(kind=kind)
    reviewing = Role.RD_MANAGER if kind == "enterprise" else Role.CONVERSION_OFFICER
    return World(
        organisation=organisation,
        author=make_actor(organisation=organisation, role=Role.RESEARCHER),
        reviewer=make_actor(organisation=organisation, role=reviewing),
        colleague=make_actor(organisation=organisation, role=reviewing),
        operator=make_operator(),
        second_operator=make_operator(),
        stranger=make_actor(organisation=make_organisation()),
    )


def lone_author():
    """The only person of an organisation, with a reviewing role."""
    organisation = make_organisation()
    return make_actor(organisation=organisation, role=Role.RD_MANAGER), organisation


def give_post(actor, organisation, role):
    """One more post; the actor as seen afterwards."""
    person = Person.objects.get(pk=actor.person_id)
    Post.objects.create(person=person, organisation=organisation, role=role)
    return actor_for(person.user)


def fresh(submission):
    return Submission.objects.get(pk=submission.pk)


def notes(submission):
    """(kind, step) of the record, in order."""
    return [(note.kind, note.step) for note in submission.notes.all()]
