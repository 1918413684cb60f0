"""Messages of a thread, their files, and what was read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from keqiao.engagement import cleaning, policies, telling
from keqiao.engagement.faces import is_hidden
from keqiao.engagement.models import Contact, Message, MessageFile, Participant
from keqiao.engagement.selectors import get_contact, me, place_of
from keqiao.engagement.types import BROKER, OPEN, UNANSWERED, MessageKind, Side, UnsafeFile, Upload
from keqiao.kernel import clock
from keqiao.kernel import files as stored
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.files import LARGEST, FileTooLarge
from keqiao.parties.types import Actor

__all__ = ["mark_thread_read", "write_message"]

LONGEST_TEXT = 5_000
MOST_FILES = 5


@publishes
@command
def write_message(*, actor: Actor, code: str, text: str, key: str, files: Sequence[Upload] = ()) -> Message:
    """Say something in an open thread. Before the first answer only the asking side and the broker write messages."""
    contact = get_contact(code, actor=actor, lock=True)
    place = place_of(actor, contact)
    if not policies.can_write(actor, contact):
        raise NotAllowed
    sent = contact.messages.filter(author_id=actor.person_id, key=key).first()
    if sent is not None:
        return sent
    if contact.state not in OPEN or (contact.state in UNANSWERED and place == contact.to_side):
        raise WrongState
    words = _read_text(text, needs_words=not files)
    message = _add_message(contact, actor, place, MessageKind.TEXT, words, key=key, now=clock.now())
    _add_files(contact, message, actor, files)
    record("engagement.message_written", contact, actor=actor, number=message.number)
    places = {Side.NEED, Side.ACHIEVEMENT, BROKER}
    telling.tell_people(contact, "message", key=str(message.number), places=places, but=actor.person_id)
    return message


@command
def mark_thread_read(*, actor: Actor, code: str, number: int) -> None:
    """The actor has seen the messages up to `number`."""
    contact = get_contact(code, actor=actor)
    newest = contact.messages.order_by("-number").values_list("number", flat=True).first() or 0
    Participant.objects.filter(contact=contact, person_id=me(actor), last_read__lt=min(number, newest)).update(
        last_read=min(number, newest)
    )


def _read_text(text: str, *, needs_words: bool = False) -> str:
    text = "".join(c for c in text.replace("\r\n", "\n").replace("\r", "\n") if c == "\n" or c.isprintable()).strip()
    if needs_words and not text:
        raise BadInput(_("请写下要说的话，例如：贵方的水通量是在什么条件下测得的？"), field="text")
    if len(text) > LONGEST_TEXT:
        message = _("正文最多 %(most)s 字，现在是 %(n)s 字。请缩短，或作为文件附上。")
        raise BadInput(message % {"most": LONGEST_TEXT, "n": len(text)}, field="text")
    return text


def _add_message(
    contact: Contact, actor: Actor, place: str, kind: str, text: str, *, key: str, now: datetime
) -> Message:
    """The contact is locked, or new: numbers follow each other."""
    if not 8 <= len(key) <= 64 or not key.isascii() or not key.isprintable():
        raise BadInput(_("发送标识应为 8 到 64 个英文字符，例如 7f3a9c20-1b。"), field="key")
    number = (contact.messages.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    message = Message.objects.create(
        contact=contact,
        number=number,
        kind=kind,
        place=place,
        author_id=me(actor),
        text=text,
        key=key,
        sent_at=now,
    )
    contact.last_at, contact.last_side = now, place
    contact.save(update_fields=["last_at", "last_side"])
    # Who writes has read what stands above.
    Participant.objects.filter(contact=contact, person_id=me(actor)).update(last_read=number)
    return message


def _add_files(contact: Contact, message: Message, actor: Actor, files: Sequence[Upload]) -> None:
    """Told by content, not by name; an anonymous side's files lose what names their author."""
    if len(files) > MOST_FILES:
        raise BadInput(_("一次最多附 5 个文件。"), field="files")
    for position, upload in enumerate(files):
        if len(upload.content) > LARGEST:
            raise FileTooLarge(field="files")
        if not upload.content:
            raise UnsafeFile(_("文件是空的。请重新选择，例如 report.pdf。"), field="files")
        kind = cleaning.media_type(upload.content)
        content = upload.content
        if is_hidden(contact, message.place, ""):
            content = cleaning.without_author(content, kind)
        file = stored.store(actor=actor, name=_file_name(upload.name, kind), media_type=kind, chunks=[content])
        before = MessageFile.objects.filter(message__contact=contact).count()
        neutral = f"file-{before + 1}.{cleaning.EXTENSIONS[kind]}"
        MessageFile.objects.create(message=message, file=file, position=position, neutral_name=neutral)


def _file_name(name: str, kind: str) -> str:
    """The given name without folders and control characters, with the ending of what the file is."""
    base = "".join(c for c in name.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable()).strip(" .")[:120]
    ending = cleaning.EXTENSIONS[kind]
    given = base.rsplit(".", 1)[-1].lower() if "." in base else ""
    same = given == ending or (ending == "jpg" and given == "jpeg")
    return base if same else f"{base or 'file'}.{ending}"
