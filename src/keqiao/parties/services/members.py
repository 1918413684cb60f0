"""Commands: who holds which post, and who stands in for whom."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties import reading
from keqiao.parties.models import Absence, Organisation, Post
from keqiao.parties.policies import can_give, can_manage
from keqiao.parties.selectors import get_organisation, has_approver, operators
from keqiao.parties.services._shared import _end_posts, _give_post, _known_role, _own_organisation, _tell
from keqiao.parties.types import APPROVING_ROLES, Actor, NobodyLeft, Role


@command
def change_role(*, actor: Actor, code: str, number: int, role: str) -> Post:
    """Give a member another role in the place of this one."""
    organisation = _own_organisation(actor, code)
    post = _post(organisation, number)
    known = _known_role(organisation, role, actor=actor)
    if not can_give(actor, post.role):
        raise NotAllowed
    if known == post.role:
        return post
    if known not in APPROVING_ROLES:
        _somebody_stays(post)
    _end_posts([post])
    new = _give_post(post.person_id, organisation.pk, known, title_zh=post.title_zh, title_en=post.title_en)
    record(
        "parties.role_changed",
        new,
        actor=actor,
        organisation_id=organisation.pk,
        person_id=post.person_id,
        before=post.role,
        after=known.value,
    )
    _tell(
        actor,
        [post.person_id],
        "membership",
        f"role:{new.pk}:{clock.now():%Y%m%d%H%M%S}",
        gettext_noop("您在%(organisation)s的角色有变化"),
        "/me/organisations",
        organisation=organisation,
    )
    return new


@command
def change_title(*, actor: Actor, code: str, number: int, title_zh: str, title_en: str) -> Post:
    """What the post is called in the organisation, for example 成果专员."""
    organisation = _own_organisation(actor, code)
    post = _post(organisation, number)
    post.title_zh, post.title_en = reading.plain(title_zh, 80, "title_zh"), reading.plain(title_en, 80, "title_en")
    post.save(update_fields=["title_zh", "title_en"])
    record("parties.title_changed", post, actor=actor, organisation_id=organisation.pk)
    return post


@command
def end_post(*, actor: Actor, code: str, number: int, successor: int | None = None) -> None:
    """End a member's post. The last one who may let others in names a successor (another member's post) first."""
    organisation = _own_organisation(actor, code)
    post = _post(organisation, number)
    if not can_give(actor, post.role):
        raise NotAllowed
    if successor is not None:
        _name_successor(actor, organisation, post, successor)
    _end(actor, organisation, post)
    _tell(
        actor,
        [post.person_id],
        "membership",
        f"post-ended:{post.pk}:{clock.now():%Y%m%d%H%M%S}",
        gettext_noop("您在%(organisation)s的一项任职已结束"),
        "/me/organisations",
        organisation=organisation,
    )


@command
def leave_organisation(*, actor: Actor, code: str) -> None:
    """End all one's own posts in an organisation, whichever one acts for now."""
    organisation = get_organisation(code, actor=actor, lock=True)
    if actor.person_id is None:
        raise NotFound
    posts = list(Post.objects.filter(person_id=actor.person_id, organisation=organisation, ended_on=None))
    if not posts:
        raise NotFound
    for post in posts:
        _end(actor, organisation, post)


@command
def name_substitute(*, actor: Actor, code: str, substitute_id: int, first_on: date, last_on: date) -> Absence:
    """A colleague of the same organisation gets one's roles there from the first to the last day."""
    organisation = get_organisation(code, actor=actor, lock=True)
    today = clock.today()
    if actor.person_id is None or not _in_it(organisation, actor.person_id):
        raise NotAllowed
    if substitute_id == actor.person_id or not _in_it(organisation, substitute_id):
        raise BadInput(_("请从同一单位的同事里选一位。"), field="substitute")
    if first_on < today:
        raise BadInput(_("开始的日期不能早于今天，例如 %(today)s。") % {"today": today}, field="first_on")
    if last_on < first_on:
        raise BadInput(_("结束的日期不能早于开始的日期。"), field="last_on")
    most = parameter("parties.longest_absence_days", on=today)
    if last_on - first_on >= timedelta(days=most):
        raise BadInput(_("一次最多 %(days)s 天。更久的，请到期后再登记。") % {"days": most}, field="last_on")
    overlapping = Absence.objects.filter(
        person_id=actor.person_id,
        organisation=organisation,
        ended_at=None,
        first_on__lte=last_on,
        last_on__gte=first_on,
    )
    if overlapping.exists():
        raise BadInput(_("这段时间里已经登记过代办人。请先结束那一段。"), field="first_on")
    absence = Absence.objects.create(
        person_id=actor.person_id,
        substitute_id=substitute_id,
        organisation=organisation,
        first_on=first_on,
        last_on=last_on,
    )
    record(
        "parties.substitute_named",
        absence,
        actor=actor,
        organisation_id=organisation.pk,
        substitute_id=substitute_id,
        first_on=str(first_on),
        last_on=str(last_on),
    )
    _tell(
        actor,
        [substitute_id],
        "membership",
        f"substitute:{absence.pk}",
        gettext_noop("有同事请您在%(organisation)s代办：%(first)s 至 %(last)s"),
        "/me/organisations",
        organisation=organisation,
        first=first_on,
        last=last_on,
    )
    return absence


@command
def end_absence(*, actor: Actor, absence_id: int) -> Absence:
    """Call it off before its last day: who is away, who stands in, or whoever manages the organisation."""
    absence = Absence.objects.select_for_update(of=("self",), no_key=True).filter(pk=absence_id, ended_at=None).first()
    if absence is None:
        raise NotFound
    concerned = {absence.person_id, absence.substitute_id}
    if actor.person_id not in concerned and not can_manage(actor, absence.organisation):
        raise NotFound
    absence.ended_at = clock.now()
    absence.save(update_fields=["ended_at"])
    record("parties.absence_ended", absence, actor=actor, organisation_id=absence.organisation_id)
    return absence


def _post(organisation: Organisation, number: int) -> Post:
    found = Post.objects.filter(number=number, organisation=organisation, ended_on=None).first()
    if found is None:
        raise NotFound
    return found


def _in_it(organisation: Organisation, person_id: int) -> bool:
    rows = Post.objects.filter(organisation=organisation, person_id=person_id, ended_on=None)
    return rows.filter(person__user__is_active=True).exists()


def _somebody_stays(post: Post) -> None:
    """Read after the organisation's lock, so that two who leave at once do not both pass."""
    if post.role == Role.ADMINISTRATOR and operators() == [post.person_id]:
        raise NobodyLeft
    if post.role in APPROVING_ROLES and not has_approver(post.organisation_id, besides_post=post.pk):
        raise NobodyLeft


def _end(actor: Actor, organisation: Organisation, post: Post) -> None:
    _somebody_stays(post)
    _end_posts([post])
    record(
        "parties.post_ended",
        post,
        actor=actor,
        organisation_id=organisation.pk,
        person_id=post.person_id,
        role=post.role,
    )


def _name_successor(actor: Actor, organisation: Organisation, post: Post, number: int) -> None:
    successor = _post(organisation, number)
    if successor.person_id == post.person_id:
        raise BadInput(_("请选另一位同事接任。"), field="successor")
    new = _give_post(successor.person_id, organisation.pk, _known_role(organisation, post.role, actor=actor))
    record("parties.person_appointed", new, actor=actor, role=post.role)
