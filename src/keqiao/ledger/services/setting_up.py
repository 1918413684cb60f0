"""Commands: a book and its accounts."""

from __future__ import annotations

from django.utils.translation import gettext as _

from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.ledger import selectors
from keqiao.ledger.models import Account, Book
from keqiao.ledger.policies import can_open_book
from keqiao.ledger.services._shared import _known_currency, _make_account, _open, _own_book
from keqiao.ledger.types import Purpose
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor


@command
def open_book(*, actor: Actor, organisation_code: str, standard: str = "") -> Book:
    """The organisation's book; the one that is there, when it has one."""
    organisation = parties.get_organisation(organisation_code, actor=actor)
    if not can_open_book(actor, organisation.pk):
        raise NotAllowed
    return selectors.book_of(organisation.pk, actor=actor) or _open(actor, organisation.pk, standard)


@command
def open_account(
    *, actor: Actor, book_code: str, purpose: str, currency: str = "CNY", label: str = "", name_zh: str = ""
) -> Account:
    """A further account; `label` tells several of one purpose and currency apart."""
    book = _own_book(actor, book_code)
    if purpose not in Purpose.values:
        words = {"purpose": purpose[:40], "example": Purpose.BANK.value}
        raise BadInput(_("没有“%(purpose)s”这种用途，例如 %(example)s。") % words, field="purpose")
    _known_currency(currency)
    label, name_zh = _short(label, 60, "label"), _short(name_zh, 70, "name_zh")
    if Account.objects.filter(book=book, purpose=purpose, currency=currency, label=label).exists():
        raise BadInput(_("已经有同一用途、币种和标签的科目。请另写一个标签，例如“工行 1234”。"), field="label")
    account = _make_account(book, Purpose(purpose), currency, label, name_zh, on=clock.today())
    record("ledger.account_opened", account, actor=actor, book_id=book.pk)
    return account


@command
def close_account(*, actor: Actor, book_code: str, number: str) -> Account:
    """An account that holds nothing takes no more lines."""
    book = _own_book(actor, book_code)
    account = selectors.get_account(book, number)
    if account.closed_at is None:
        if selectors.balance_now(account):
            raise BadInput(_("科目 %(account)s 还有余额，不能停用。请先结清。") % {"account": account}, field="number")
        account.closed_at = clock.now()
        account.save(update_fields=["closed_at"])
        record("ledger.account_closed", account, actor=actor, book_id=book.pk)
    return account


def _short(text: str, most: int, field: str) -> str:
    text = " ".join(text.replace("\0", "").split())
    if len(text) > most:
        raise BadInput(_("太长：最多 %(most)s 个字。") % {"most": most}, field=field)
    return text
