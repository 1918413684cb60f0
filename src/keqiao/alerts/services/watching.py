"""What a person watches: begin, change, stop, and the switch for personal recommendation."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from keqiao.alerts import selectors, stopping
from keqiao.alerts.models import Alert, Choice, Watch
from keqiao.alerts.types import AlertState, Cadence, Scheme, Subject
from keqiao.catalogue import selectors as catalogue
from keqiao.engagement import selectors as engagement
from keqiao.engagement import services as engaging
from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = ["change_watch", "choose_recommendations", "resume_watch", "start_watch", "stop_watch", "stop_watch_by_link"]


@command
def start_watch(
    *, actor: Actor, subject: str, of: str = "", scheme: str = "", threshold: int | None = None, cadence: str = ""
) -> Watch:
    """Watch something from now on; what one watched before is taken up again. `of`: a code, or the id of a search.

    Raises NotFound for what the actor may not see.
    """
    if actor.person_id is None:
        raise NotAllowed
    columns = _columns(actor, subject, of, scheme)
    given = _wishes(threshold, cadence)
    row = (
        Watch.objects.select_for_update(of=("self",), no_key=True)
        .filter(person_id=actor.person_id, subject=subject, **columns)
        .first()
    )
    if row is None:
        _room_for_one_more(actor)
        given = {"threshold": _usual_threshold(subject), "cadence": Cadence.DAILY, **given}
        row = Watch.objects.create(
            code=codes.fresh(Watch, "GZ"),
            person_id=actor.person_id,
            subject=subject,
            is_chosen=True,
            since=clock.now(),
            **columns,
            **given,
        )
        record("alerts.watch_started", row, actor=actor)
        return row
    row = resume_watch(actor=actor, code=row.code)
    _change(row, actor, {**given, "is_chosen": True})
    return row


@command
def change_watch(*, actor: Actor, code: str, threshold: int | None = None, cadence: str = "") -> Watch:
    """Another threshold or rhythm. Whoever changes a watch that the platform began has chosen it."""
    row = selectors.get_watch(code, actor=actor, lock=True)
    _change(row, actor, {**_wishes(threshold, cadence), "is_chosen": True})
    return row


@command
def resume_watch(*, actor: Actor, code: str) -> Watch:
    """Take a stopped watch up again, from now on."""
    row = selectors.get_watch(code, actor=actor, lock=True)
    if not row.is_active:
        _room_for_one_more(actor)
        row.since = clock.now()  # what came while nobody wanted to hear of it is not told
        _change(row, actor, {"is_active": True, "is_chosen": True})
    return row


@command
def stop_watch(*, actor: Actor, code: str) -> Watch:
    """Nothing more because of it, what waits included. It is kept, so that nothing is told again when it is taken up."""
    row = selectors.get_watch(code, actor=actor, lock=True)
    _stop(row, actor)
    return row


@command
def stop_watch_by_link(*, actor: Actor, token: str) -> Watch:
    """The signed link of a mail is the right to do it. Again is harmless."""
    row = selectors.get_watch_to_stop(stopping.read(token), lock=True)
    _stop(row, actor)
    return row


@command
def choose_recommendations(*, actor: Actor, wanted: bool) -> None:
    """Switch personal recommendation on or off, at once. What one chose to watch oneself goes on."""
    if actor.person_id is None:
        raise NotAllowed
    now = clock.now()
    row, _is_new = Choice.objects.update_or_create(
        person_id=actor.person_id, defaults={"recommends": wanted, "changed_at": now}
    )
    recommended = Watch.objects.filter(person_id=actor.person_id, is_chosen=False)
    if wanted:
        recommended.update(since=now)
    else:
        Alert.objects.filter(watch__in=recommended, state=AlertState.WAITING).delete()
    record("alerts.recommendations_chosen", row, actor=actor, wanted=wanted)


def _stop(row: Watch, actor: Actor) -> None:
    if not row.is_active:
        return
    row.is_active = False
    row.save(update_fields=["is_active"])
    selectors.waiting_of_watch(row).delete()
    if row.subject == Subject.SEARCH and row.search_id:
        engaging.set_alerts(actor=parties.system(), search_id=row.search_id, wants_alerts=False)
    record("alerts.watch_stopped", row, actor=actor)


def _change(row: Watch, actor: Actor, fields: dict[str, Any]) -> None:
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    if row.subject == Subject.SEARCH and "is_active" in changed and row.search_id:
        engaging.set_alerts(actor=parties.system(), search_id=row.search_id, wants_alerts=True)
    if changed:
        row.save(update_fields=[*changed, "since"])
        record("alerts.watch_changed", row, actor=actor, fields=sorted(changed))


def _wishes(threshold: int | None, cadence: str) -> dict[str, Any]:
    """What was given of the two, checked."""
    found: dict[str, Any] = {}
    if threshold is not None:
        if not 0 <= threshold <= 100:
            raise BadInput(_("分数是 0 到 100 的整数，例如 60。"), field="threshold")
        found["threshold"] = threshold
    if cadence:
        if cadence not in Cadence.values:
            raise BadInput(_("请选“随时”“每天汇总”或“每周汇总”。"), field="cadence")
        found["cadence"] = cadence
    return found


def _usual_threshold(subject: str) -> int:
    """Matches from a good one on; of an organisation, a field or a search, everything."""
    matches = subject in {Subject.OWN, Subject.NEED, Subject.ACHIEVEMENT}
    return int(parameter("alerts.usual_threshold", on=clock.today())) if matches else 0


def _room_for_one_more(actor: Actor) -> None:
    most = int(parameter("alerts.watches_per_person", on=clock.today()))
    if selectors.watches_of(actor).filter(is_active=True).count() >= most:
        raise BadInput(_("最多同时关注 %(most)s 项。请先停止不再需要的。") % {"most": most}, field="subject")


def _columns(actor: Actor, subject: str, of: str, scheme: str) -> dict[str, Any]:
    """What is watched, as this actor may see it: every column of the subject, the others empty."""
    found: dict[str, Any] = dict.fromkeys(("need_id", "achievement_id", "organisation_id", "search_id"))
    found |= {"scheme": "", "class_code": ""}
    # In whose name: whose items count for the points. A single item or a search needs nobody's.
    found["home_id"] = actor.acting_for if subject in {Subject.OWN, Subject.ORGANISATION, Subject.CLASS} else None
    if subject == Subject.OWN:
        if actor.acting_for is None:
            raise BadInput(_("您还没有任职单位，先在“我的单位”加入一个。"), field="subject")
    elif subject == Subject.NEED:
        found["need_id"] = catalogue.get_need(of, actor=actor).pk
    elif subject == Subject.ACHIEVEMENT:
        found["achievement_id"] = catalogue.get_achievement(of, actor=actor).pk
    elif subject == Subject.ORGANISATION:
        found["organisation_id"] = parties.get_organisation(of, actor=actor).pk
    elif subject == Subject.SEARCH:
        found["search_id"] = engagement.get_saved_search(int(of) if of.isdigit() else 0, actor=actor).pk
    elif subject == Subject.CLASS:
        found |= {"scheme": scheme, "class_code": _class(scheme, of)}
    else:
        raise BadInput(_("请选择要关注什么，例如一个单位或一个领域。"), field="subject")
    return found


def _class(scheme: str, code: str) -> str:
    code = code.strip()[:24]
    if scheme not in Scheme.values or not catalogue.codes_of(scheme, [code]):
        raise BadInput(_("没有这个分类，请填分类号，例如 B01D。"), field="of")
    return code
