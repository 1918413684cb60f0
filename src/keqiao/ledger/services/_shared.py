"""What several commands of this context do inside their transaction."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from keqiao.kernel import codes
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.kernel.parameters import parameter
from keqiao.ledger import selectors
from keqiao.ledger.models import Account, Book
from keqiao.ledger.policies import can_keep_book
from keqiao.ledger.types import ESCROW, KIND_OF, OF_PARTIES, Purpose, Standard
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, OrganisationKind

# Public bodies keep books by the government's system, others as enterprises do; an organisation may say otherwise.
GOVERNMENT = frozenset(
    {
        OrganisationKind.UNIVERSITY,
        OrganisationKind.INSTITUTE,
        OrganisationKind.HOSPITAL,
        OrganisationKind.ADMINISTRATION,
    }
)


def _lock(book_id: int) -> Book:
    """Whoever writes in a book holds it: numbers have no gaps, and a month is not closed under an entry."""
    return Book.objects.select_for_update(of=("self",), no_key=True).select_related("organisation").get(pk=book_id)


def _own_book(actor: Actor, code: str) -> Book:
    """The book, locked, when the actor may keep it."""
    book = selectors.get_book(code, actor=actor)
    if not can_keep_book(actor, book):
        raise NotAllowed
    return _lock(book.pk)


def _first_book_of(actor: Actor, organisation_id: int) -> Book:
    """Of an organisation that has none of its own: that of the one it was merged into, or a new one."""
    book = Book.objects.filter(organisation_id=parties.final_organisation(organisation_id)).first()
    return book or _open(actor, organisation_id)


def _open(actor: Actor, organisation_id: int, standard: str = "") -> Book:
    organisation = parties.organisation_by_id(parties.final_organisation(organisation_id))
    if organisation is None:
        raise NotFound
    if standard and standard not in Standard.values:
        words = {"standard": standard[:40], "known": "、".join(Standard.values)}
        raise BadInput(_("没有“%(standard)s”这种会计制度。可选：%(known)s。") % words, field="standard")
    usual = Standard.GOVERNMENT if organisation.kind in GOVERNMENT else Standard.ENTERPRISE
    try:
        with transaction.atomic():
            book = Book.objects.create(
                code=codes.fresh(Book, "ZB"), organisation_id=organisation.pk, standard=standard or usual
            )
    except IntegrityError:  # somebody else opened it at the same moment
        return Book.objects.get(organisation_id=organisation.pk)
    record("ledger.book_opened", book, actor=actor)
    return book


def _known_currency(currency: str) -> str:
    if currency not in MINOR_DIGITS:
        words = {"currency": currency[:10], "known": "、".join(sorted(MINOR_DIGITS))}
        raise BadInput(_("币种“%(currency)s”不认识。可用：%(known)s，例如 CNY。") % words, field="currency")
    return currency


def _make_account(
    book: Book, purpose: Purpose, currency: str, label: str = "", name_zh: str = "", *, on: date
) -> Account:
    """A new account, numbered by the organisation's standard: 1002.01, 1002.02, … The book is locked."""
    chart = parameter(f"ledger.chart.{book.standard}", on=on)
    base, usual = chart[purpose]
    taken = Account.objects.filter(book=book, number__startswith=f"{base}.").count()
    named = name_zh or (f"{usual}（{label}）" if label else usual)
    return Account.objects.create(
        book=book,
        number=f"{base}.{taken + 1:02d}",
        purpose=purpose,
        kind=KIND_OF[purpose],
        currency=_known_currency(currency),
        label=label,
        name_zh=named if currency == "CNY" else f"{named} {currency}",
        is_escrow=purpose in ESCROW,
        has_party=purpose in OF_PARTIES,
    )
