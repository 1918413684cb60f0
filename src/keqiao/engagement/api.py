"""The API of engagement: a second view over the same commands. Names are those that the reader may know."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import FileResponse, HttpRequest
from django.utils.http import content_disposition_header
from ninja import File, Form, Path, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field, StrictBool, StringConstraints

from keqiao.engagement import faces, selectors, services, showing
from keqiao.engagement.types import Face, Upload
from keqiao.kernel import clock
from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    file_answer,
    needs_scope,
    paged,
)
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.files import LARGEST, FileTooLarge, open_file
from keqiao.parties import selectors as parties

router = Router(tags=["engagement"])
READ, WRITE, FEEDBACK = "contacts:read", "contacts:write", "feedback:write"

Words = Annotated[str, StringConstraints(max_length=5_000)]
Key = Annotated[
    str,
    StringConstraints(min_length=8, max_length=64, pattern=r"^[\x21-\x7e]+$"),
    Field(description="Chosen by the sender: the same key sends once.", examples=["7f3a9c20-1b"]),
]
ItemCode = Annotated[str, StringConstraints(max_length=24, pattern=r"^[A-Z0-9-]*$")]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
OneCode = Annotated[str, Path(max_length=24, pattern=r"^[A-Z0-9-]+$", examples=["CG-2026-00642"])]

BYTES = file_answer("The file's bytes", "application/octet-stream")


class FaceOut(Schema):
    """A side as you may know it. Anonymous: the names describe it, and `organisation` is null."""

    name_zh: str
    name_en: str
    organisation: str | None
    is_anonymous: bool


class ContactOut(Schema):
    code: str
    state: str
    need: str | None
    achievement: str | None
    side: str = Field(description="Where you stand: need, achievement or broker.")
    from_side: str
    other: FaceOut
    is_your_turn: bool
    sent_at: datetime
    due_on: date = Field(description="By this date an answer is promised.")
    due_is_provisional: bool
    last_at: datetime
    unread: int
    you_are_anonymous: bool
    decline_reason: str


class Contacts(PageOut):
    items: list[ContactOut]


class FileOut(Schema):
    id: int
    name: str
    media_type: str
    size: int
    url: str


class MessageOut(Schema):
    number: int
    kind: str
    side: str
    name_zh: str = Field(description="Of the writer; empty while the writer's side is anonymous to you.")
    name_en: str
    sender: FaceOut
    text: str
    is_erased: bool
    sent_at: datetime
    files: list[FileOut]
    is_own: bool
    is_new: bool


class Messages(PageOut):
    items: list[MessageOut]


class ContactIn(Schema):
    need: ItemCode = ""
    achievement: ItemCode = ""
    organisation: ItemCode = Field("", description="In whose name, where no item of your own says it.")
    text: Words
    key: Key


class ContactTextIn(Schema):
    text: Words
    key: Key


class ContactFileIn(Schema):
    """With a file: PDF, picture or Office file without macros, up to 50 MB."""

    key: Key
    text: Words = ""


class ContactDeclineIn(Schema):
    reason: Annotated[str, StringConstraints(max_length=16)] = Field(
        description="not_fitting, not_available, terms, capacity, taken or other"
    )
    text: Words = ""


class PersonIn(Schema):
    person: Annotated[int, Field(ge=1, le=2**63 - 1)] = Field(description="From the list of colleagues.")


class BrokerIn(Schema):
    person: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = Field(
        None, description="null: the platform assigns one."
    )


class AgreeIn(Schema):
    agrees: StrictBool


class PersonOut(Schema):
    id: int
    name_zh: str
    name_en: str


class People(PageOut):
    items: list[PersonOut]


class FeedbackIn(Schema):
    is_suitable: StrictBool
    reason: Annotated[str, StringConstraints(max_length=12)] = Field(
        "", description="field, indicators, maturity, price, mode, known or other"
    )
    note: Annotated[str, StringConstraints(max_length=300)] = ""


class FeedbackOut(Schema):
    need: str
    achievement: str
    side: str
    is_suitable: bool | None
    reason: str
    note: str
    shown_position: int | None
    score: int | None
    version: str
    marked_at: datetime | None


class Feedbacks(PageOut):
    items: list[FeedbackOut]


class SearchIn(Schema):
    query: Annotated[str, StringConstraints(max_length=4_000)] = Field(
        description="The query of /search, for example kind=need&q=膜"
    )
    name: Annotated[str, StringConstraints(max_length=80)] = ""
    wants_alerts: StrictBool = True


class SavedSearchOut(Schema):
    id: int
    name: str
    query: str
    wants_alerts: bool
    new_count: int
    created_at: datetime
    checked_at: datetime


class Searches(PageOut):
    items: list[SavedSearchOut]


class AnswersOut(Schema):
    """Contacts of the last year, openly addressed, that were answered or whose promised date has passed."""

    cases: int
    is_known: bool = Field(description="false: fewer cases than say anything; the other figures are null.")
    answered_in_time: int | None
    median_days: int | None


# --- contacts ---------------------------------------------------------------------------------------------------------


def reader(request: HttpRequest) -> Any:
    """Somebody who may read threads: signed in, or with a token of the scope."""
    actor = api_actor(request, READ)
    if not actor.is_known:
        raise NotAllowed
    return actor


@router.get("/contacts", response=answers(Contacts), summary="Your contacts")
def list_contacts(
    request: HttpRequest,
    box: Annotated[str, Query(pattern="^(mine|theirs|ended|all)$", description="mine: it is your turn")] = "all",
    page: PageNumber = 1,
    per_page: PerPage = 20,
) -> dict[str, Any]:
    actor = reader(request)
    names, today = selectors.Names(actor), clock.today()
    return paged(
        selectors.contacts_of(actor, box=box), page, per_page, each(lambda row: contact_out(row, names, today))
    )


@router.post("/contacts", response=change_answers(ContactOut, 201), summary="Contact the other side")
@needs_scope(WRITE)
def send_contact(request: HttpRequest, given: ContactIn) -> Any:
    actor = api_actor(request)
    organisation = parties.get_organisation(given.organisation, actor=actor) if given.organisation else None
    contact = services.send_contact(
        actor=actor,
        text=given.text,
        key=given.key,
        need_code=given.need,
        achievement_code=given.achievement,
        organisation_id=organisation.pk if organisation else None,
    )
    return Status(201, shown(request, contact.code))


@router.get("/contacts/{code}", response=answers(ContactOut), summary="One contact")
def get_contact(request: HttpRequest, code: Code) -> dict[str, Any]:
    return shown(request, code)


@router.get("/contacts/{code}/messages", response=answers(Messages), summary="The thread, oldest first")
def list_messages(request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 50) -> dict[str, Any]:
    actor = reader(request)
    contact = selectors.get_contact(code, actor=actor)
    seen = showing.Thread(contact, selectors.Names(actor), actor)
    return paged(selectors.messages_of(contact), page, per_page, each(lambda row: message_out(code, seen.message(row))))


@router.post("/contacts/{code}/read/{number}", response=change_answers(ContactOut), summary="Mark messages as read")
@needs_scope(WRITE)
def mark_read(request: HttpRequest, code: Code, number: Number) -> dict[str, Any]:
    services.mark_thread_read(actor=api_actor(request), code=code, number=number)
    return shown(request, code)


@router.post("/contacts/{code}/messages", response=change_answers(MessageOut, 201), summary="Write a message")
@needs_scope(WRITE)
def write_message(request: HttpRequest, code: Code, given: ContactTextIn) -> Any:
    message = services.write_message(actor=api_actor(request), code=code, text=given.text, key=given.key)
    return Status(201, _one_message(request, code, message.number))


@router.post(
    "/contacts/{code}/files", response=change_answers(MessageOut, 201), summary="Send a file, with words or without"
)
@needs_scope(WRITE)
def send_file(request: HttpRequest, code: Code, given: Form[ContactFileIn], file: File[UploadedFile]) -> Any:
    if file.size is None or file.size > LARGEST:
        raise FileTooLarge(field="file")
    upload = Upload(file.name or "file", file.read())
    message = services.write_message(
        actor=api_actor(request), code=code, text=given.text, key=given.key, files=[upload]
    )
    return Status(201, _one_message(request, code, message.number))


@router.get(
    "/contacts/{code}/files/{file_id}", response=answers(None), summary="A file of the thread", openapi_extra=BYTES
)
def get_file(request: HttpRequest, code: Code, file_id: Number) -> Any:
    actor = reader(request)
    contact = selectors.get_contact(code, actor=actor)
    found = selectors.get_file(contact, file_id)
    name = faces.file_name(found, contact, found.message.place, selectors.place_of(actor, contact))
    answer = FileResponse(open_file(found.file), content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(True, name)
    return answer


@router.post("/contacts/{code}/accept", response=change_answers(ContactOut), summary="Accept; the answer follows")
@needs_scope(WRITE)
def accept(request: HttpRequest, code: Code) -> dict[str, Any]:
    services.accept_contact(actor=api_actor(request), code=code)
    return shown(request, code)


@router.post("/contacts/{code}/answer", response=change_answers(ContactOut), summary="Answer")
@needs_scope(WRITE)
def answer(request: HttpRequest, code: Code, given: ContactTextIn) -> dict[str, Any]:
    services.answer_contact(actor=api_actor(request), code=code, text=given.text, key=given.key)
    return shown(request, code)


@router.post("/contacts/{code}/decline", response=change_answers(ContactOut), summary="Decline with a reason")
@needs_scope(WRITE)
def decline(request: HttpRequest, code: Code, given: ContactDeclineIn) -> dict[str, Any]:
    services.decline_contact(actor=api_actor(request), code=code, reason=given.reason, text=given.text)
    return shown(request, code)


@router.get(
    "/contacts/{code}/colleagues", response=answers(People), summary="Who of your organisation could take it over"
)
def list_colleagues(request: HttpRequest, code: Code) -> dict[str, Any]:
    actor = reader(request)
    contact = selectors.get_contact(code, actor=actor)
    place = selectors.place_of(actor, contact)
    return people_out(selectors.colleagues_of(actor, contact, place) if place != "broker" else [])


@router.post("/contacts/{code}/hand-over", response=change_answers(ContactOut), summary="Hand over to a colleague")
@needs_scope(WRITE)
def hand_over(request: HttpRequest, code: Code, given: PersonIn) -> dict[str, Any]:
    services.hand_over_contact(actor=api_actor(request), code=code, person_id=given.person)
    return shown(request, code)


@router.post(
    "/contacts/{code}/withdraw", response=change_answers(ContactOut), summary="Take an unanswered contact back"
)
@needs_scope(WRITE)
def withdraw(request: HttpRequest, code: Code) -> dict[str, Any]:
    services.withdraw_contact(actor=api_actor(request), code=code)
    return shown(request, code)


@router.post("/contacts/{code}/close", response=change_answers(ContactOut), summary="End the talk")
@needs_scope(WRITE)
def close(request: HttpRequest, code: Code) -> dict[str, Any]:
    services.close_contact(actor=api_actor(request), code=code)
    return shown(request, code)


@router.post("/contacts/{code}/reveal", response=change_answers(ContactOut), summary="Show who you are; for good")
@needs_scope(WRITE)
def reveal(request: HttpRequest, code: Code) -> dict[str, Any]:
    services.reveal_publisher(actor=api_actor(request), code=code)
    return shown(request, code)


@router.get("/contacts/{code}/brokers", response=answers(People), summary="Brokers whom you could ask in")
def list_brokers(request: HttpRequest, code: Code) -> dict[str, Any]:
    contact = selectors.get_contact(code, actor=reader(request))
    return people_out(selectors.brokers_for(contact))


@router.post("/contacts/{code}/broker", response=change_answers(ContactOut), summary="Ask a broker in")
@needs_scope(WRITE)
def ask_for_broker(request: HttpRequest, code: Code, given: BrokerIn) -> dict[str, Any]:
    services.ask_for_broker(actor=api_actor(request), code=code, person_id=given.person)
    return shown(request, code)


@router.post("/contacts/{code}/broker/answer", response=change_answers(ContactOut), summary="Agree to a broker, or not")
@needs_scope(WRITE)
def answer_broker(request: HttpRequest, code: Code, given: AgreeIn) -> dict[str, Any]:
    services.answer_broker_request(actor=api_actor(request), code=code, agrees=given.agrees)
    return shown(request, code)


# --- feedback, searches, the record -------------------------------------------------------------------------------------


@router.get("/feedback", response=answers(Feedbacks), summary="Matches that your organisation called unsuitable")
def list_feedback(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.unsuitable_marks(reader(request)), page, per_page, each(feedback_out))


@router.put(
    "/needs/{code}/matches/{achievement}/feedback", response=change_answers(FeedbackOut), summary="Suitable or not"
)
@needs_scope(FEEDBACK)
def mark_match(request: HttpRequest, code: Code, achievement: OneCode, given: FeedbackIn) -> dict[str, Any]:
    row = services.mark_match(
        actor=api_actor(request),
        need_code=code,
        achievement_code=achievement,
        is_suitable=given.is_suitable,
        reason=given.reason,
        note=given.note,
    )
    return feedback_out(row)


@router.delete("/needs/{code}/matches/{achievement}/feedback", response=change_answers(None, 204), summary="Undo")
@needs_scope(FEEDBACK)
def unmark_match(request: HttpRequest, code: Code, achievement: OneCode) -> Any:
    services.unmark_match(actor=api_actor(request), need_code=code, achievement_code=achievement)
    return Status(204, None)


@router.get("/saved-searches", response=answers(Searches), summary="Your saved searches")
def list_searches(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.saved_searches(reader(request)), page, per_page, each(search_out))


@router.post("/saved-searches", response=change_answers(SavedSearchOut, 201), summary="Save a search")
@needs_scope(WRITE)
def save_search(request: HttpRequest, given: SearchIn) -> Any:
    row = services.save_search(
        actor=api_actor(request), query=given.query, name=given.name, wants_alerts=given.wants_alerts
    )
    return Status(201, search_out(row))


@router.delete("/saved-searches/{search_id}", response=change_answers(None, 204), summary="Delete a saved search")
@needs_scope(WRITE)
def delete_search(request: HttpRequest, search_id: Number) -> Any:
    services.delete_saved_search(actor=api_actor(request), search_id=search_id)
    return Status(204, None)


@router.get(
    "/organisations/{code}/answers", response=answers(AnswersOut), summary="How an organisation answers contacts"
)
def get_answers(request: HttpRequest, code: Code) -> dict[str, Any]:
    organisation = parties.get_organisation(code, actor=api_actor(request))
    record = selectors.answer_record(organisation.pk)
    return {
        "cases": record.cases if record.is_known else 0,
        "is_known": record.is_known,
        "answered_in_time": record.answered_in_time,
        "median_days": record.median_days,
    }


# --- plain values -------------------------------------------------------------------------------------------------------


def shown(request: HttpRequest, code: str) -> dict[str, Any]:
    actor = reader(request) if request.method == "GET" else api_actor(request)
    contact = selectors.get_contact(code, actor=actor)
    return contact_out(contact, selectors.Names(actor), clock.today())


def face_out(face: Face) -> dict[str, Any]:
    return {
        "name_zh": face.name_zh,
        "name_en": face.name_en,
        "organisation": face.organisation_code or None,
        "is_anonymous": face.is_masked,
    }


def contact_out(contact: Any, names: selectors.Names, today: date) -> dict[str, Any]:
    seen = showing.contact_seen(contact, names, today)
    return {
        "code": seen.code,
        "state": seen.state,
        "need": seen.need.code if seen.need else None,
        "achievement": seen.achievement.code if seen.achievement else None,
        "side": seen.place,
        "from_side": contact.from_side,
        "other": face_out(seen.other),
        "is_your_turn": seen.is_my_turn,
        "sent_at": seen.sent_at,
        "due_on": seen.due_on,
        "due_is_provisional": seen.due_is_provisional,
        "last_at": seen.last_at,
        "unread": seen.unread,
        "you_are_anonymous": seen.is_masked_me,
        "decline_reason": contact.decline_reason,
    }


def _one_message(request: HttpRequest, code: str, number: int) -> dict[str, Any]:
    actor = api_actor(request)
    contact = selectors.get_contact(code, actor=actor)
    row = selectors.messages_of(contact).get(number=number)
    return message_out(code, showing.Thread(contact, selectors.Names(actor), actor).message(row))


def message_out(code: str, seen: showing.MessageSeen) -> dict[str, Any]:
    return {
        "number": seen.number,
        "kind": seen.kind,
        "side": seen.place,
        "name_zh": seen.person.name_zh,
        "name_en": seen.person.name_en,
        "sender": face_out(seen.face),
        "text": seen.text,
        "is_erased": seen.is_erased,
        "sent_at": seen.sent_at,
        "files": [
            {
                "id": file.pk,
                "name": file.name,
                "media_type": file.media_type,
                "size": file.size,
                "url": f"/api/v1/contacts/{code}/files/{file.pk}",
            }
            for file in seen.files
        ],
        "is_own": seen.is_own,
        "is_new": seen.is_new,
    }


def people_out(people: list[Any]) -> dict[str, Any]:
    rows = [{"id": person.pk, "name_zh": person.name_zh, "name_en": person.name_en} for person in people]
    return {"total": len(rows), "page": 1, "per_page": max(len(rows), 1), "items": rows}


def feedback_out(row: Any) -> dict[str, Any]:
    kept = ("side", "is_suitable", "reason", "note", "shown_position", "score", "version", "marked_at")
    return {"need": row.need.code, "achievement": row.achievement.code, **{name: getattr(row, name) for name in kept}}


def search_out(row: Any) -> dict[str, Any]:
    kept = ("name", "query", "wants_alerts", "new_count", "created_at", "checked_at")
    return {"id": row.pk, **{name: getattr(row, name) for name in kept}}
