"""Rows become people: invited to an address, or registered without an account; later rows change role, title and name."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from keqiao.interchange.applying.shared import Run
from keqiao.interchange.models import ImportedThing, ImportRow
from keqiao.interchange.types import RowState
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.parties import selectors as parties
from keqiao.parties import services as people
from keqiao.parties.types import InvitationState

NAMES = ("name_zh", "name_en")
TITLES = ("title_zh", "title_en")


def person(run: Run, row: ImportRow) -> None:
    """What its external id became is changed, by the commands that the page of members uses; else somebody new."""
    thing = run.known(row)
    if thing is not None and run.is_unchanged(row):
        run.done(row, RowState.UNCHANGED, row.made, thing.became_id, thing.became)
        return
    place = _place(run, row)
    if thing is None:
        if _is_there(place, row):
            run.done(row, RowState.UNCHANGED, "", None)
        else:
            _add(run, row, place)
        return
    invitation = _invitation(run, thing) if thing.became == "invitation" else None
    if invitation is not None and invitation.state != InvitationState.USED:
        _invite_again(run, row, place, invitation)
        return
    person_id = invitation.used_by_id if invitation is not None else thing.became_id
    is_changed = _change(run, row, place, _post(place, person_id, row.content["role"]))
    run.done(row, RowState.CHANGED if is_changed else RowState.UNCHANGED, "", thing.became_id, thing.became)


def _place(run: Run, row: ImportRow) -> Any:
    organisation_id = row.organisation_id
    if organisation_id is None or not (run.actor.works_for(organisation_id) or run.actor.is_operator):
        raise NotFound
    place = parties.organisations_visible_to(run.actor).filter(pk=organisation_id).first()
    if place is None:
        raise NotFound
    return place


def _is_there(place: Any, row: ImportRow) -> bool:
    """A row that names nobody by id or address says what is there already, as an exported one does."""
    if row.content.get("external_id") or row.content.get("email"):
        return False
    names = {f"person__{name}": row.content.get(name, "") for name in NAMES}
    alike = list(parties.members_of(place).filter(role=row.content["role"], **names))
    if any(all(getattr(post, name) == row.content.get(name, "") for name in TITLES) for post in alike):
        return True
    if alike:
        raise BadInput(_("单位里已有同名同角色的人，职务不同。请填外部编号，或在成员页面修改。"), field="title_zh")
    return False


def _add(run: Run, row: ImportRow, place: Any) -> None:
    """With an address: an invitation to that address. Without: a person in a post, who has no account."""
    content = row.content
    if address := content.get("email"):
        invited = people.invite(actor=run.actor, code=place.code, role=content["role"], email=address).invitation
        run.done(row, RowState.ADDED, invited.code, invited.pk, "invitation")
        return
    if not run.actor.is_operator:
        raise NotAllowed(_("没有电子邮箱的人员只能由平台登记。请填写邮箱，由本人接受邀请加入。"))
    made = people.register_person(actor=run.actor, **{name: content.get(name, "") for name in NAMES})
    titles = {name: content.get(name, "") for name in TITLES}
    people.appoint(actor=run.actor, person_id=made.pk, organisation_id=place.pk, role=content["role"], **titles)
    run.done(row, RowState.ADDED, "", made.pk)


def _invitation(run: Run, thing: ImportedThing) -> Any:
    found = parties.invitations_managed_by(run.actor).filter(pk=thing.became_id).first()
    if found is None:
        raise NotAllowed
    return found


def _invite_again(run: Run, row: ImportRow, place: Any, invitation: Any) -> None:
    """To another address or for another role; an invitation in force that says the same stays."""
    address, role = row.content.get("email", ""), row.content["role"]
    if not address:
        raise BadInput(_("请填写邮箱：这个人还没有接受邀请。"), field="email")
    is_open = invitation.state == InvitationState.OPEN
    is_in_force = is_open and invitation.expires_at > clock.now()
    if is_in_force and (invitation.email, invitation.role) == (address, role):
        run.done(row, RowState.UNCHANGED, invitation.code, invitation.pk, "invitation")
        return
    if is_open:
        people.withdraw_invitation(actor=run.actor, code=invitation.code)
    new = people.invite(actor=run.actor, code=place.code, role=role, email=address).invitation
    run.done(row, RowState.CHANGED, new.code, new.pk, "invitation")


def _post(place: Any, person_id: int, role: str) -> Any:
    """The post that a row is about: that of the role, else the only one."""
    posts = list(parties.members_of(place).filter(person_id=person_id))
    if not posts:
        raise BadInput(_("这个人已经不在这家单位任职。要重新登记或邀请，请换一个外部编号。"), field="external_id")
    found = next((post for post in posts if post.role == role), posts[0] if len(posts) == 1 else None)
    if found is None:
        raise BadInput(_("这个人在单位里有几个角色。请在成员页面修改。"), field="role")
    return found


def _change(run: Run, row: ImportRow, place: Any, post: Any) -> bool:
    """Name, role and title as the row says; columns that the file does not have stay. Was anything changed?"""
    content = row.content
    names = {name: content[name] for name in NAMES if content.get(name, "") not in ("", getattr(post.person, name))}
    if content.get("email") and post.person.user_id is None:
        raise BadInput(_("这个人已经登记，没有账号。要邀请本人加入，请换一个外部编号。"), field="email")
    if names and post.person.user_id is not None:
        message = _("这个人有账号，姓名由本人修改。账号里的姓名是“%(name)s”。")
        raise BadInput(message % {"name": post.person}, field=min(names))
    if names:
        people.rewrite_person(actor=run.actor, person_id=post.person_id, **names)
    is_other_role = post.role != content["role"]
    if is_other_role:
        post = people.change_role(actor=run.actor, code=place.code, number=post.number, role=content["role"])
    titles = {name: content.get(name, "") if run.has_column(name) else getattr(post, name) for name in TITLES}
    is_other_title = any(getattr(post, name) != title for name, title in titles.items())
    if is_other_title:
        people.change_title(actor=run.actor, code=place.code, number=post.number, **titles)
    return bool(names) or is_other_role or is_other_title
