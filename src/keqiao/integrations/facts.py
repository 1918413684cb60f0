"""What a webhook may be told of an event: codes and links. Never a text, a name or a price: those are fetched with a token."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from keqiao.catalogue import selectors as catalogue
from keqiao.engagement import selectors as engagement
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.submissions import selectors as submissions

PUBLIC_STATES = frozenset(catalogue.PUBLIC_STATES)
Facts = tuple[dict[str, Any], frozenset[int]]


def facts_of(event: Event) -> Facts | None:
    """The facts and, for what is nobody else's business, the organisations. None: nothing may be told."""
    table, _colon, number = event.subject.partition(":")
    if table in {"catalogue.need", "catalogue.achievement"}:
        return _item(table.removeprefix("catalogue."), int(number), event)
    if table == "submissions.submission":
        return _submission(int(number))
    if table == "submissions.complaint":
        return _complaint(int(number))
    if table == "engagement.contact":
        return _contact(int(number))
    return None


def _item(kind: str, item_id: int, event: Event) -> Facts | None:
    everyone = parties.system()
    visible: Any = catalogue.needs_visible_to if kind == "need" else catalogue.achievements_visible_to
    row = visible(everyone).filter(pk=item_id).values("code", "state", "revision").first()
    # A new version of what is not public concerns nobody outside; the other events are about what was public.
    if row is None or (event.name.endswith("_rewritten") and row["state"] not in PUBLIC_STATES):
        return None
    return {**_links(f"{kind}s", row["code"]), "revision": row["revision"]}, frozenset()


def _submission(submission_id: int) -> Facts | None:
    rows = submissions.submissions_visible_to(parties.system()).filter(pk=submission_id)
    row = rows.values("code", "kind", "state", "organisation_id").first()
    if row is None:
        return None
    facts = {**_links("submissions", row["code"]), "kind": row["kind"], "state": row["state"]}
    return facts, frozenset({row["organisation_id"]})


def _complaint(complaint_id: int) -> Facts | None:
    """Told to the owner of the item, who sees it once it is taken up; never who complained."""
    rows = submissions.complaints_visible_to(parties.system()).filter(pk=complaint_id, handler__isnull=False)
    complaint = rows.select_related("need", "achievement").first()
    if complaint is None:
        return None
    listed = f"{settings.SITE_URL}/api/v1/complaints"
    facts = {
        **_links("complaints", complaint.code),
        "api": listed,
        "item": complaint.item.code,
        "state": complaint.state,
    }
    return facts, frozenset({complaint.owner_id})


def _contact(contact_id: int) -> Facts | None:
    """Told to both sides: a code and a state name neither of them."""
    contact = engagement.contact_by_id(contact_id)
    if contact is None:
        return None
    facts = {**_links("contacts", contact.code), "state": contact.state}
    return facts, frozenset({contact.from_organisation_id, contact.to_organisation_id})


def _links(place: str, code: str) -> dict[str, Any]:
    return {
        "code": code,
        "url": f"{settings.SITE_URL}/{place}/{code}",
        "api": f"{settings.SITE_URL}/api/v1/{place}/{code}",
    }
