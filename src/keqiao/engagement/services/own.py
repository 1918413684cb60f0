"""What one person keeps for themselves: saved searches, tasks, the last visit; and what is erased with them."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils.translation import gettext as _

from keqiao.engagement import searching
from keqiao.engagement.models import SavedSearch, Task, Visit
from keqiao.engagement.selectors import get_contact, get_saved_search, get_task, newest_match_id, results_since
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.parties.types import Actor

__all__ = [
    "add_task",
    "change_alerts",
    "check_saved_search",
    "delete_saved_search",
    "delete_task",
    "finish_task",
    "note_visit",
    "open_saved_search",
    "save_search",
    "set_alerts",
]

MOST_SEARCHES = 50
MOST_TASKS = 200
TOLD_KEPT = 300  # codes that a search remembers having told of
LOOK_BACK = timedelta(days=1)  # an item may reach the index after it was published
SAME_VISIT = timedelta(minutes=30)


@command
def save_search(*, actor: Actor, query: str, name: str = "", wants_alerts: bool = True) -> SavedSearch:
    """Keep a search under a name; the same search is kept once and takes the new name."""
    if actor.person_id is None:
        raise NotAllowed
    try:
        kept = searching.canonical(query)
    except ValueError:
        kept = ""
    if not searching.asks_something(kept) or len(kept) > searching.LONGEST:
        raise BadInput(_("没有可以保存的检索条件，或条件太长。例如先搜索“耐酸纳滤膜”，再保存。"), field="query")
    name = " ".join(name.split())[:80] or searching.read(kept).q[:80] or _("按条件筛选")
    own = SavedSearch.objects.filter(person_id=actor.person_id)
    digest = searching.digest(kept)
    if not own.filter(digest=digest).exists() and own.count() >= MOST_SEARCHES:
        raise BadInput(_("最多保存 50 个检索。请先删去不再需要的。"), field="query")
    now = clock.now()
    row, is_new = SavedSearch.objects.update_or_create(
        person_id=actor.person_id,
        digest=digest,
        defaults={"name": name, "query": kept, "wants_alerts": wants_alerts},
        create_defaults={
            "name": name,
            "query": kept,
            "wants_alerts": wants_alerts,
            "created_at": now,
            "checked_at": now,
        },
    )
    if is_new:
        record("engagement.search_saved", row, actor=actor)
    return row


@command
def change_alerts(*, actor: Actor, search_id: int, wants_alerts: bool) -> None:
    row = get_saved_search(search_id, actor=actor, lock=True)
    if wants_alerts and not row.wants_alerts:
        row.checked_at = clock.now()  # what came while nobody wanted to hear of it is not told
    row.wants_alerts = wants_alerts
    row.save(update_fields=["wants_alerts", "checked_at"])


@command
def set_alerts(*, actor: Actor, search_id: int, wants_alerts: bool) -> None:
    """As change_alerts, for the watch that its owner changed."""
    if not actor.is_system:
        raise NotAllowed
    row = SavedSearch.objects.select_for_update(of=("self",), no_key=True).filter(pk=search_id).first()
    if row is None or row.wants_alerts == wants_alerts:
        return
    row.wants_alerts, row.checked_at = wants_alerts, clock.now()
    row.save(update_fields=["wants_alerts", "checked_at"])


@command
def open_saved_search(*, actor: Actor, search_id: int) -> str:
    """The search's query; its new results count as seen."""
    row = get_saved_search(search_id, actor=actor, lock=True)
    if row.new_count:
        row.new_count = 0
        row.save(update_fields=["new_count"])
    return row.query


@command
def delete_saved_search(*, actor: Actor, search_id: int) -> None:
    get_saved_search(search_id, actor=actor, lock=True).delete()


@command
def check_saved_search(*, actor: Actor, search_id: int) -> int:
    """Search again for what was published since, and record it for those who tell; how many. Public items only."""
    if not actor.is_system:
        raise NotAllowed
    row = SavedSearch.objects.select_for_update().filter(pk=search_id, wants_alerts=True).first()
    if row is None:
        return 0
    now = clock.now()
    since = max(row.created_at, row.checked_at - LOOK_BACK)
    told = set(row.told)
    fresh = {code: score for code, score in results_since(row, since).items() if code not in told}
    row.checked_at = now
    row.told = [*row.told, *fresh][-TOLD_KEPT:]
    row.new_count += len(fresh)
    row.save(update_fields=["checked_at", "told", "new_count"])
    if fresh:
        record("engagement.search_found", row, actor=actor, scores=fresh)
    return len(fresh)


@command
def add_task(*, actor: Actor, text: str, due_on: date | None = None, contact_code: str = "") -> Task:
    """Something to do, for oneself; perhaps about a thread that one is in."""
    if actor.person_id is None:
        raise NotAllowed
    words = " ".join(text.split())
    if not words:
        raise BadInput(_("请写要做什么，例如：周三前寄浸出液样品。"), field="text")
    if len(words) > 200:
        raise BadInput(_("一件事最多 200 字，请写短一些。"), field="text")
    if Task.objects.filter(person_id=actor.person_id, done_at=None).count() >= MOST_TASKS:
        raise BadInput(_("未办的事已有 200 件，请先办完或删去一些。"), field="text")
    contact = get_contact(contact_code, actor=actor) if contact_code else None
    return Task.objects.create(person_id=actor.person_id, text=words, due_on=due_on, contact=contact)


@command
def finish_task(*, actor: Actor, task_id: int, is_done: bool = True) -> Task:
    task = get_task(task_id, actor=actor)
    task.done_at = clock.now() if is_done else None
    task.save(update_fields=["done_at"])
    return task


@command
def delete_task(*, actor: Actor, task_id: int) -> None:
    get_task(task_id, actor=actor).delete()


@command
def note_visit(*, actor: Actor) -> Visit:
    """Stamp a visit of the workbench. Within half an hour it is the same visit: what was new stays new."""
    if actor.person_id is None:
        raise NotAllowed
    now = clock.now()
    visit = Visit.objects.select_for_update().filter(person_id=actor.person_id).first()
    if visit is None:
        newest = newest_match_id()
        return Visit.objects.create(person_id=actor.person_id, at=now, match_seen=0, match_newest=newest)
    if now - visit.at > SAME_VISIT:
        visit.previous_at, visit.match_seen = visit.at, visit.match_newest
    visit.at, visit.match_newest = now, newest_match_id()
    visit.save(update_fields=["at", "previous_at", "match_seen", "match_newest"])
    return visit
