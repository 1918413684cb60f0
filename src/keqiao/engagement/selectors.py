"""What may be seen of engagement. A hidden thing looks like a missing one.

A thread is seen by the people named in it, as long as they work for the side they stand on, and by the broker that
both sides agreed to. Operators see that a broker is to be assigned, never what is written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median_low
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import ItemState, Shown
from keqiao.engagement import faces, searching
from keqiao.engagement.models import (
    BrokerRequest,
    Contact,
    MatchFeedback,
    Message,
    MessageFile,
    Participant,
    SavedSearch,
    Task,
    Visit,
)
from keqiao.engagement.types import (
    BROKER,
    OPEN,
    UNANSWERED,
    WORKING_ROLES,
    AnswerRecord,
    BrokerState,
    ContactState,
    Face,
    Outcome,
    Side,
)
from keqiao.kernel import clock
from keqiao.kernel.errors import NotFound
from keqiao.kernel.pages import counted, counted_and_cut
from keqiao.kernel.parameters import parameter
from keqiao.matching import selectors as matching
from keqiao.matching.search import search
from keqiao.matching.stones import arch_from_json
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role

BOXES = ("mine", "theirs", "ended", "all")
RECORD_DAYS = 365
MOST_PAGES = 10  # of a saved search that is asked again

# --- threads ----------------------------------------------------------------------------------------------------------


def me(actor: Actor) -> int:
    """The id to look for; 0 is nobody's."""
    return actor.person_id or 0


def contacts_visible_to(actor: Actor) -> QuerySet[Contact]:
    """The threads that this person is in."""
    if actor.person_id is None:
        return Contact.objects.none()
    here = Participant.objects.filter(contact=OuterRef("pk"), person_id=actor.person_id, left_at=None)
    here = here.filter(Q(place=BROKER) | Q(organisation_id__in=actor.organisation_ids))
    return Contact.objects.filter(Exists(here))


def place_of(actor: Actor, contact: Contact) -> str:
    """Where this actor stands in the thread: a side, broker, or nowhere. Participants must be prefetched."""
    for row in contact.people:
        if row.person_id == actor.person_id and (row.place == BROKER or actor.works_for(row.organisation_id)):
            return row.place
    return ""


def get_contact(code: str, *, actor: Actor, lock: bool = False) -> Contact:
    rows = contacts_visible_to(actor)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = _whole(rows).filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def contact_by_id(contact_id: int, *, lock: bool = False) -> Contact | None:
    """For jobs, which act for nobody."""
    rows = Contact.objects.all()
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    return _whole(rows).filter(pk=contact_id).first()


def _whole(rows: QuerySet[Contact]) -> QuerySet[Contact]:
    return rows.select_related(
        "need", "achievement", "from_organisation", "to_organisation", "from_person", "to_person"
    ).prefetch_related(
        "need__texts",
        "achievement__texts",
        "participants__person",
        "participants__organisation",
        "broker_requests__broker",
    )


def contacts_of(actor: Actor, *, box: str = "all") -> QuerySet[Contact]:
    """The person's threads: `mine` waits for my side (the most overdue first), `theirs` for the others, `ended`."""
    rows = _whole(contacts_visible_to(actor))
    rows = _with_unread(rows, actor)
    if box == "mine":
        return rows.filter(_my_turn(actor)).order_by(
            Case(When(state__in=UNANSWERED, then=Value(0)), default=Value(1), output_field=IntegerField()),
            "due_on",
            "-last_at",
            "-id",
        )
    if box == "theirs":
        return rows.filter(state__in=OPEN).exclude(_my_turn(actor)).order_by("due_on", "-last_at", "-id")
    if box == "ended":
        rows = rows.exclude(state__in=OPEN)
    return rows.order_by("-last_at", "-id")


def _my_turn(actor: Actor) -> Q:
    """It waits for the actor's side: to answer, or, in a talk, because another wrote last. A broker is asked nothing."""
    ours = Q(from_organisation_id__in=actor.organisation_ids)
    theirs = Q(to_organisation_id__in=actor.organisation_ids)
    to_answer = theirs & Q(state__in=UNANSWERED)
    they_wrote = (ours & ~Q(last_side=F("from_side"))) | (theirs & (Q(last_side=F("from_side")) | Q(last_side=BROKER)))
    return to_answer | (Q(state=ContactState.ANSWERED) & they_wrote)


def _with_unread(rows: QuerySet[Contact], actor: Actor) -> QuerySet[Contact]:
    """`unread`: how many messages of others this person has not seen."""
    mine = Participant.objects.filter(contact=OuterRef("contact"), person_id=me(actor))
    unread = (
        Message.objects.filter(contact=OuterRef("pk"))
        .exclude(author_id=actor.person_id)
        .filter(number__gt=mine.values("last_read")[:1])
        .order_by()
        .values("contact")
        .annotate(n=Count("id"))
        .values("n")
    )
    return rows.annotate(unread=Coalesce(Subquery(unread, output_field=IntegerField()), 0))


@dataclass(frozen=True)
class Counts:
    """What the workbench counts, each by its own definition."""

    mine: int
    theirs: int
    overdue: int
    unread: int


def counts_of(actor: Actor) -> Counts:
    """How many threads wait for my side, for the others, are past the promised date; how many messages are unread."""
    rows = contacts_visible_to(actor)
    today = clock.today()
    mine = counted(rows.filter(_my_turn(actor)))
    theirs = counted(rows.filter(state__in=OPEN).exclude(_my_turn(actor)))
    overdue = counted(rows.filter(_my_turn(actor), state__in=UNANSWERED, due_on__lt=today))
    seen = Participant.objects.filter(contact=OuterRef("contact"), person_id=me(actor)).values("last_read")[:1]
    unread = counted(Message.objects.filter(contact__in=rows, number__gt=seen).exclude(author_id=actor.person_id))
    return Counts(mine, theirs, overdue, unread)


def open_contact_between(need_id: int | None, achievement_id: int | None, *, actor: Actor) -> Contact | None:
    """The open thread about this very pair that the actor is in, whoever began it."""
    need = Q(need_id=need_id) if need_id is not None else Q(need=None)
    achievement = Q(achievement_id=achievement_id) if achievement_id is not None else Q(achievement=None)
    rows = contacts_visible_to(actor).filter(need, achievement, state__in=OPEN)
    return rows.order_by("-id").first()


def messages_of(contact: Contact) -> QuerySet[Message]:
    """The thread; whoever asks has the contact already."""
    files = MessageFile.objects.select_related("file")
    return contact.messages.select_related("author").prefetch_related(Prefetch("files", queryset=files))


def get_file(contact: Contact, file_id: int) -> MessageFile:
    found = MessageFile.objects.filter(message__contact=contact, pk=file_id, message__erased_at=None)
    found = found.select_related("file", "message")
    for file in found:
        return file
    raise NotFound


def colleagues_of(actor: Actor, contact: Contact, side: str) -> list[Any]:
    """Who else of one's own organisation could take the thread over."""
    people = parties.people_in_posts(WORKING_ROLES, organisation_id=contact.organisation_id_of(side))
    return list(people.exclude(pk=me(actor)))


def brokers_for(contact: Contact) -> list[Any]:
    """Technology managers of the platform who work for neither side."""
    return brokers_for_each([contact])[0]


def brokers_for_each(contacts: Sequence[Contact]) -> list[list[Any]]:
    """As brokers_for, for a whole page of contacts at once."""
    people = list(parties.people_in_posts([Role.TECHNOLOGY_MANAGER]).prefetch_related("posts"))
    works = {person.pk: {post.organisation_id for post in person.posts.all() if not post.ended_on} for person in people}
    return [
        [person for person in people if not works[person.pk] & {row.from_organisation_id, row.to_organisation_id}]
        for row in contacts
    ]


def broker_requests_to_assign(actor: Actor) -> QuerySet[BrokerRequest]:
    """For operators: threads whose both sides want a broker of the platform. What is written there stays unseen."""
    if not actor.is_operator:
        return BrokerRequest.objects.none()
    rows = BrokerRequest.objects.filter(state=BrokerState.AGREED, broker=None, contact__state__in=OPEN)
    rows = rows.select_related("contact__need", "contact__achievement").order_by("asked_at", "id")
    return rows.prefetch_related("contact__need__texts", "contact__achievement__texts")


def due_unanswered(before: date) -> QuerySet[Contact]:
    """Unanswered contacts whose promised date was before `before`. For the nightly job."""
    return Contact.objects.filter(state__in=UNANSWERED, due_on__lt=before).order_by("due_on", "pk")


def in_talks_about(need_ids: Sequence[int], *, actor: Actor) -> set[int]:
    """Needs that the actor talks about with the need's own side: that side began, or accepted what came in.

    A first letter alone tells its sender nothing, nor does handing it to a colleague, and what has ended tells nothing more.
    """
    if not need_ids or actor.person_id is None:
        return set()
    by_need = Q(from_side=Side.NEED)
    accepted = Q(state__in=[ContactState.ACCEPTED, ContactState.ANSWERED])
    rows = contacts_visible_to(actor).filter(by_need | accepted, need__in=need_ids, state__in=OPEN)
    return set(rows.values_list("need_id", flat=True))


def told_of_budgets(need_ids: Sequence[int], *, actor: Actor) -> set[int]:
    """Needs of which the actor's side matches well enough, or talks: a budget for such teams is told to it."""
    return matching.matched_among(need_ids, actor=actor) | in_talks_about(need_ids, actor=actor)


# --- faces ------------------------------------------------------------------------------------------------------------


class Names:
    """Names of sides as one reader may know them; the tables of fields and regions are read once, when needed."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._tables: dict[str, dict[str, tuple[str, str]]] = {}

    def _titles(self, scheme: str) -> dict[str, tuple[str, str]]:
        if scheme not in self._tables:
            self._tables[scheme] = {row.code: (row.title_zh, row.title_en) for row in catalogue.table(scheme)}
        return self._tables[scheme]

    def place(self, contact: Contact) -> str:
        return place_of(self.actor, contact)

    def face(self, contact: Contact, side: str) -> Face:
        reader = self.place(contact)
        if faces.is_hidden(contact, side, reader):
            return faces.described(contact.need, self._titles("field"), self._titles("region"))
        return faces.face(contact, side, reader, {}, {})

    def described(self, need: Any) -> Face:
        return faces.described(need, self._titles("field"), self._titles("region"))


def is_publisher_hidden_from(organisation_id: int, need: Any) -> bool:
    """Does the need keep its publisher from the people of this organisation?"""
    reader = Actor(posts=frozenset({(organisation_id, "")}))
    is_matched = matching.is_matched(need, actor=reader)
    return catalogue.publisher_seen_by(reader, need, is_matched=is_matched) is None


# --- the record of answers --------------------------------------------------------------------------------------------


def answer_record(organisation_id: int) -> AnswerRecord:
    """How an organisation answered contacts of the last year, counted only where it was openly named.

    A case is a contact that was answered or refused, or whose promised date has passed without either. Contacts about
    needs that do not show their publisher are left out: their answers would give the publisher away.
    """
    today = clock.today()
    rows = (
        Contact.objects.filter(to_organisation_id=organisation_id, masked=False)
        .filter(Q(need=None) | Q(need__publisher_shown=Shown.SHOWN) | Q(from_side=Side.NEED))
        .filter(sent_at__gte=clock.now() - timedelta(days=RECORD_DAYS))
        .filter(Q(answered_at__isnull=False) | Q(due_on__lt=today))
        .exclude(state=ContactState.CLOSED, answered_at=None)
    )
    cases = list(rows.values_list("sent_at", "answered_at", "due_on"))
    if not cases or len(cases) < parameter("engagement.record_least_cases", on=today):
        return AnswerRecord(len(cases))
    zone = clock.site_zone()
    answered = [(sent.astimezone(zone).date(), at.astimezone(zone).date(), due) for sent, at, due in cases if at]
    in_time = sum(at <= due for _sent, at, due in answered)
    days = [(at - sent).days for sent, at, _due in answered]
    return AnswerRecord(len(cases), in_time, median_low(days) if days else None)


# --- feedback on matches ----------------------------------------------------------------------------------------------


def side_of(actor: Actor, need: Any, achievement: Any) -> str:
    """On which bank of the pair the actor stands; empty on neither."""
    if need is not None and actor.works_for(need.publisher_id):
        return Side.NEED
    if achievement is not None and actor.works_for(achievement.owner_id):
        return Side.ACHIEVEMENT
    return ""


def unsuitable_for_need(need: Any, *, actor: Actor) -> set[int]:
    """Ids of achievements that the need's own people called unsuitable: left out of their list, nobody else's."""
    if not actor.works_for(need.publisher_id):
        return set()
    rows = MatchFeedback.objects.filter(need=need, side=Side.NEED, is_suitable=False)
    return set(rows.values_list("achievement_id", flat=True))


def unsuitable_for_achievement(achievement: Any, *, actor: Actor) -> set[int]:
    if not actor.works_for(achievement.owner_id):
        return set()
    rows = MatchFeedback.objects.filter(achievement=achievement, side=Side.ACHIEVEMENT, is_suitable=False)
    return set(rows.values_list("need_id", flat=True))


def feedback_on(need: Any, achievement: Any, side: str) -> MatchFeedback | None:
    return MatchFeedback.objects.filter(need=need, achievement=achievement, side=side).first()


def position_of(need: Any, achievement: Any, side: str, *, actor: Actor) -> int | None:
    """Where the match stands now in this side's list, from 1; None when it is no stored match."""
    rows = matching.matches_visible_to(actor)
    match = rows.filter(need=need, achievement=achievement).first()
    if match is None:
        return None
    if side == Side.NEED:
        rows = rows.filter(need=need).exclude(achievement__in=unsuitable_for_need(need, actor=actor) - {achievement.pk})
        tie = Q(achievement_id__lt=achievement.pk)
    else:
        hidden = unsuitable_for_achievement(achievement, actor=actor) - {need.pk}
        rows = rows.filter(achievement=achievement).exclude(need__in=hidden)
        tie = Q(need_id__lt=need.pk)
    same = Q(has_unmet=match.has_unmet)
    before = same & (Q(score__gt=match.score) | (Q(score=match.score) & tie))
    if match.has_unmet:
        before |= Q(has_unmet=False)
    return rows.filter(before).count() + 1


def unsuitable_marks(actor: Actor) -> QuerySet[MatchFeedback]:
    """What the actor's organisations called unsuitable, newest first."""
    rows = MatchFeedback.objects.filter(organisation_id__in=actor.organisation_ids, is_suitable=False)
    rows = rows.select_related("need", "achievement", "achievement__owner", "person")
    return rows.prefetch_related("need__texts", "achievement__texts").order_by("-marked_at", "-id")


def pair_of_contact(contact_id: int) -> tuple[int, int] | None:
    """Ids of the need and the achievement that a contact is about; None when it names one of them only."""
    row = Contact.objects.filter(pk=contact_id, need__isnull=False, achievement__isnull=False)
    return row.values_list("need_id", "achievement_id").first()


def outcomes_of_pair(need_id: int, achievement_id: int) -> list[Outcome]:
    """What each side made of a match, by ids. For jobs of those who learn from it."""
    contacts = Contact.objects.filter(need_id=need_id, achievement_id=achievement_id).order_by("pk")
    latest = {row.from_side: row for row in contacts}  # of each side the newest
    rows = MatchFeedback.objects.filter(need_id=need_id, achievement_id=achievement_id).order_by("side")
    return [_outcome(row, latest.get(row.side)) for row in rows]


def _outcome(row: MatchFeedback, contact: Contact | None) -> Outcome:
    declined = contact is not None and contact.state == ContactState.DECLINED
    return Outcome(
        side=row.side,
        organisation_id=row.organisation_id,
        person_id=row.person_id,
        position=row.shown_position,
        is_suitable=row.is_suitable,
        reason=row.reason,
        marked_at=row.marked_at if row.is_suitable is not None else None,
        contacted_at=row.contacted_at,
        answered_at=None if declined else row.answered_at,
        declined_at=contact.answered_at if contact is not None and declined else None,
        decline_reason=contact.decline_reason if contact is not None and declined else "",
    )


# --- the person's own -------------------------------------------------------------------------------------------------


def saved_searches(actor: Actor) -> QuerySet[SavedSearch]:
    if actor.person_id is None:
        return SavedSearch.objects.none()
    return SavedSearch.objects.filter(person_id=actor.person_id).order_by("-created_at", "-id")


def get_saved_search(search_id: int, *, actor: Actor, lock: bool = False) -> SavedSearch:
    rows = saved_searches(actor).filter(pk=search_id)
    found = (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def searches_to_check(count: int) -> list[int]:
    """Ids of those that were not looked at for the longest time. For the job."""
    rows = SavedSearch.objects.filter(wants_alerts=True).order_by("checked_at", "pk")
    return list(rows.values_list("pk", flat=True)[:count])


def tasks_of(actor: Actor) -> QuerySet[Task]:
    """Open ones by their day, those without a day last, then what was done today."""
    if actor.person_id is None:
        return Task.objects.none()
    today = clock.now() - timedelta(hours=24)
    rows = Task.objects.filter(person_id=actor.person_id).filter(Q(done_at=None) | Q(done_at__gte=today))
    return rows.select_related("contact").order_by(
        F("done_at").asc(nulls_first=True), F("due_on").asc(nulls_last=True), "id"
    )


def get_task(task_id: int, *, actor: Actor) -> Task:
    found = Task.objects.filter(pk=task_id, person_id=actor.person_id).first() if actor.person_id else None
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True)
class NewMatch:
    """A match that appeared since the last visit."""

    need: Any
    achievement: Any
    arch: Any
    score: int
    side: str


def visit_of(actor: Actor) -> Visit | None:
    return Visit.objects.filter(person_id=actor.person_id).first() if actor.person_id else None


def newest_match_id() -> int:
    found = matching.matches_visible_to(parties.system()).order_by("-pk").values_list("pk", flat=True).first()
    return found or 0


def new_matches(actor: Actor, *, since: int, count: int = 5) -> tuple[list[NewMatch], int]:
    """Matches of the actor's organisations' public items that came after match `since`, the best first; how many."""
    if not actor.organisation_ids:
        return [], 0
    only = Q(pk__gt=since, has_unmet=False)
    rows = matching.matches_of_owners(actor.organisation_ids, only=only, actor=actor)
    rows = rows.filter(need__state=ItemState.PUBLISHED, achievement__state=ItemState.PUBLISHED)
    refused = MatchFeedback.objects.filter(
        need_id=OuterRef("need_id"),
        achievement_id=OuterRef("achievement_id"),
        organisation_id__in=actor.organisation_ids,
        is_suitable=False,
    )
    rows = rows.exclude(Exists(refused))
    rows = rows.order_by("-score", "pk").select_related("need", "achievement", "achievement__owner", "need__publisher")
    total, shown = counted_and_cut(rows.prefetch_related("need__texts", "achievement__texts"), 0, count)
    return [
        NewMatch(
            row.need, row.achievement, arch_from_json(row.arch), row.score, side_of(actor, row.need, row.achievement)
        )
        for row in shown
    ], total


def people_seen(contact: Contact, reader: str) -> list[Participant]:
    """Who is in the thread, as the reader may know: the people of a masked side are not named."""
    return [row for row in contact.people if not faces.is_hidden(contact, row.place, reader)]


def waiting_request(contact: Contact) -> BrokerRequest | None:
    """The broker request that counts now."""
    rows: Sequence[BrokerRequest] = [r for r in contact.broker_requests.all() if r.state != BrokerState.REFUSED]
    return rows[0] if rows else None


def results_since(saved: SavedSearch, since: datetime) -> dict[str, int | None]:
    """Code → points (where something was typed) of what the search finds that became public since. Public items only."""
    found: dict[str, int | None] = {}
    for page in range(1, MOST_PAGES + 1):
        result = search(searching.read(saved.query, page), actor=parties.visitor())
        new = [hit for hit in result.items if hit.item.published_at and hit.item.published_at > since]
        found |= {hit.item.code: hit.arch.score if hit.arch else None for hit in new}
        if len(new) < len(result.items) or page >= result.page_count:
            break
    return found


def search_by_id(search_id: int, *, lock: bool = False) -> SavedSearch | None:
    """One that wants to be told of. For jobs, which act for nobody."""
    rows = SavedSearch.objects.filter(pk=search_id, wants_alerts=True)
    return (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()


def unsuitable_pairs(organisation_ids: Collection[int], need_ids: Collection[int]) -> set[tuple[int, int]]:
    """(need, achievement) of what these organisations called unsuitable, among those needs."""
    rows = MatchFeedback.objects.filter(organisation_id__in=organisation_ids, need_id__in=need_ids, is_suitable=False)
    return set(rows.values_list("need_id", "achievement_id"))


def contacts_since(moment: datetime) -> QuerySet[Contact]:
    """What was sent or said since, whoever is in it. For jobs that ask whether an item is alive."""
    return Contact.objects.filter(last_at__gte=moment)
