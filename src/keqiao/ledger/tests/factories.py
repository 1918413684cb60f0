"""Plain functions that build ledger rows, through the commands: books have no other door."""

from datetime import date
from itertools import count

from keqiao.kernel.money import Money
from keqiao.ledger import services
from keqiao.ledger.types import Draft, Purpose, credit, debit
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.types import Role

_number = count(1)
SYSTEM = parties.system()
DAY = date(2026, 3, 10)


def a_key():
    return f"test:{next(_number)}"


def make_finance(organisation=None, role=Role.FINANCE_OFFICER):
    """Somebody who keeps (or audits) the books of an organisation."""
    return make_actor(organisation=organisation or make_organisation(kind="university"), role=role)


def make_book(actor=None):
    actor = actor or make_finance()
    return services.open_book(actor=actor, organisation_code=actor.workplace.code)


def income(amount="1000.00", *, on=DAY, key=None, currency="CNY", cause="", why="收到技术转让费"):
    """Money comes in for a result."""
    money = Money.of(amount, currency)
    return Draft(
        why=why,
        key=key or a_key(),
        booked_on=on,
        cause=cause,
        lines=(debit(Purpose.BANK, money, why), credit(Purpose.CONVERSION_INCOME, money, why)),
    )


def claim(party, amount="1000.00", *, on=DAY, due_on=None, key=None):
    """A claim on another organisation."""
    money = Money.of(amount)
    return Draft(
        why="应收技术转让费",
        key=key or a_key(),
        booked_on=on,
        lines=(
            debit(Purpose.RECEIVABLE, money, "应收", organisation_id=party.pk, due_on=due_on),
            credit(Purpose.CONVERSION_INCOME, money, "应收"),
        ),
    )


def settle(party, amount="1000.00", *, on=DAY, key=None):
    """A claim is paid."""
    money = Money.of(amount)
    return Draft(
        why="收回应收款",
        key=key or a_key(),
        booked_on=on,
        lines=(debit(Purpose.BANK, money, "收款"), credit(Purpose.RECEIVABLE, money, "收款", organisation_id=party.pk)),
    )


def deposit(party, amount="500.00", *, on=DAY, key=None):
    """A party's money is held."""
    money = Money.of(amount)
    return Draft(
        why="收到保证金",
        key=key or a_key(),
        booked_on=on,
        lines=(
            debit(Purpose.ESCROW_BANK, money, "保证金"),
            credit(Purpose.HELD, money, "保证金", organisation_id=party.pk),
        ),
    )


def refund(party, amount="500.00", *, on=DAY, key=None):
    """A party gets its money back."""
    money = Money.of(amount)
    return Draft(
        why="退还保证金",
        key=key or a_key(),
        booked_on=on,
        lines=(
            debit(Purpose.HELD, money, "退还", organisation_id=party.pk),
            credit(Purpose.ESCROW_BANK, money, "退还"),
        ),
    )


def post(book, draft, actor=SYSTEM):
    return services.post(actor=actor, organisation_id=book.organisation_id, draft=draft)
