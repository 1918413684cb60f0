"""Commands: texts that people agree to, and the ledger of who agreed to which and when they took it back."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from django.utils.translation import gettext as _

from keqiao.accounts import selectors
from keqiao.accounts.models import Agreement, Consent
from keqiao.accounts.types import AgreementKind, ConsentWay
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, WrongState
from keqiao.kernel.events import record
from keqiao.parties.types import Actor

__all__ = ["add_agreement", "change_consents", "give_consents", "load_agreements", "withdraw_consent"]

log = logging.getLogger(__name__)
SHIPPED = Path(__file__).parent.parent / "data" / "agreements"
FILE_NAME = re.compile(r"([a-z]+)-([0-9]{4}-[0-9]{2}-[0-9]{2})\.zh\.md")
LONGEST = 200_000


@command
def load_agreements(*, actor: Actor, folder: Path = SHIPPED) -> int:
    """Load the texts that ship with the platform; those that are there already stay as people agreed to them."""
    if not actor.is_operator:
        raise NotAllowed
    count = 0
    for file in sorted(folder.glob("*.zh.md")):
        named = FILE_NAME.fullmatch(file.name)
        if named is None or named[1] not in AgreementKind.values:
            raise BadInput(f"{file.name}: KIND-DATE.zh.md, for example privacy-2026-11-01.zh.md", field="folder")
        zh = file.read_text(encoding="utf-8")
        en = file.with_name(file.name.replace(".zh.md", ".en.md")).read_text(encoding="utf-8")
        digest = _digest(zh, en)
        row, is_new = Agreement.objects.get_or_create(
            kind=named[1],
            first_on=date.fromisoformat(named[2]),
            defaults={"text_zh": zh, "text_en": en, "digest": digest},
        )
        if not is_new and row.digest != digest:
            log.warning("the file of an agreement differs from its row, which stays", extra={"agreement": row.key})
        count += is_new
    return count


@command
def add_agreement(*, actor: Actor, kind: str, first_on: date, text_zh: str, text_en: str) -> Agreement:
    """Add a newer version of a text. It comes into force on its day; nothing that was agreed to changes."""
    if not actor.is_operator:
        raise NotAllowed
    if kind not in AgreementKind.values:
        raise BadInput(
            _("没有这一类文本。可用的有：%(known)s。") % {"known": ", ".join(AgreementKind.values)}, field="kind"
        )
    zh, en = _text(text_zh, "text_zh"), _text(text_en, "text_en")
    if first_on < clock.today():
        raise BadInput(_("生效日不能早于今天：已经过去的日子不能补新约定。"), field="first_on")
    if Agreement.objects.filter(kind=kind, first_on=first_on).exists():
        raise BadInput(_("这一天已有一个版本；请另选生效日，例如次日。"), field="first_on")
    row = Agreement.objects.create(
        kind=kind, first_on=first_on, text_zh=zh, text_en=en, digest=_digest(zh, en), added_by_id=actor.person_id
    )
    record("accounts.agreement_added", row, actor=actor, agreement=row.key)
    return row


@command
def give_consents(
    *, actor: Actor, person_id: int, documents: Iterable[str], how: str = ConsentWay.PAGE
) -> list[Agreement]:
    """Write down that a person agrees to these versions, all or none. `documents`: keys such as privacy-2026-11-01.

    A kind alone (privacy) means its version in force, where the site has one. Only for oneself; the system for somebody
    who just signs up. A consent that stands is not written twice.
    """
    _only_oneself(actor, person_id)
    rows = selectors.agreements_in_force(clock.today())
    in_force = {row.key: row for row in rows}
    by_kind = {row.kind: row.key for row in rows}
    asked = list(dict.fromkeys(by_kind.get(name, name) for name in documents))
    wanted = [key for key in asked if key not in AgreementKind.values]
    if unknown := [key for key in wanted if key not in in_force]:
        message = _("“%(key)s”不是现行版本。现行的有：%(known)s。")
        raise BadInput(message % {"key": unknown[0][:40], "known": ", ".join(in_force)}, field="documents")
    standing = selectors.standing_consents(person_id)
    given = [in_force[key] for key in wanted if in_force[key].pk not in standing]
    for agreement in given:
        line = Consent.objects.create(person_id=person_id, agreement=agreement, is_given=True, how=how)
        record("accounts.consent_given", line, actor=actor, person_id=person_id, agreement=agreement.key)
    return given


@command
def withdraw_consent(*, actor: Actor, person_id: int, document: str, how: str = ConsentWay.PAGE) -> Consent:
    """Take a consent back, from now on. What runs under it stops; an export of one's own data needs none and goes on."""
    _only_oneself(actor, person_id)
    agreement = selectors.get_agreement(document)
    if agreement.pk not in selectors.standing_consents(person_id):
        raise WrongState(_("您没有同意过这个版本，或者已经撤回。"))
    line = Consent.objects.create(person_id=person_id, agreement=agreement, is_given=False, how=how)
    record("accounts.consent_withdrawn", line, actor=actor, person_id=person_id, agreement=agreement.key)
    return line


@command
def change_consents(
    *, actor: Actor, person_id: int, give: Iterable[str], withdraw: Iterable[str], how: str = ConsentWay.PAGE
) -> None:
    """Give some and withdraw others, all or none."""
    give_consents(actor=actor, person_id=person_id, documents=give, how=how)
    for document in dict.fromkeys(withdraw):
        withdraw_consent(actor=actor, person_id=person_id, document=document, how=how)


def _only_oneself(actor: Actor, person_id: int) -> None:
    if not actor.is_system and (actor.person_id is None or actor.person_id != person_id):
        raise NotAllowed


def _text(text: str, field: str) -> str:
    clean = text.replace("\r\n", "\n").strip() + "\n"
    if not clean.startswith("# ") or len(clean) < 20:
        raise BadInput(_("全文用 Markdown 写，第一行是标题，例如“# 隐私政策”。"), field=field)
    if len(clean) > LONGEST:
        raise BadInput(_("全文不超过 20 万字。"), field=field)
    return clean


def _digest(zh: str, en: str) -> str:
    return hashlib.sha256(f"{zh}\0{en}".encode()).hexdigest()
