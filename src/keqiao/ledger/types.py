"""Words of the ledger context."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import BadInput, DomainError, WrongState
from keqiao.kernel.money import Money
from keqiao.parties.types import Role

MOST_LINES = 5_000  # of one entry
LARGEST = 10**15  # minor units of one line: ten thousand billion yuan
LONGEST_WHY = 200
LONGEST_KEY = 120
READING_ROLES = frozenset({Role.FINANCE_OFFICER, Role.AUDITOR})  # in the organisation whose book it is


class Standard(models.TextChoices):
    """The accounting system by which an organisation numbers its accounts."""

    GOVERNMENT = "government", _("政府会计制度")
    ENTERPRISE = "enterprise", _("企业会计准则")


class AccountKind(models.TextChoices):
    """What an account counts; `sign` of AccountKind says on which side it normally stands."""

    ASSET = "asset", _("资产")
    LIABILITY = "liability", _("负债")
    EQUITY = "equity", _("净资产")
    INCOME = "income", _("收入")
    EXPENSE = "expense", _("费用")

    @property
    def is_debit(self) -> bool:
        return self in {AccountKind.ASSET, AccountKind.EXPENSE}


class Purpose(models.TextChoices):
    """What an account is for. Other contexts name accounts by it; its number comes from the organisation's standard."""

    BANK = "bank", _("银行存款")
    RECEIVABLE = "receivable", _("应收账款")
    OTHER_RECEIVABLE = "other_receivable", _("其他应收款")
    PAYABLE = "payable", _("应付账款")
    ADVANCE = "advance", _("预收账款")
    OTHER_PAYABLE = "other_payable", _("其他应付款")
    REWARD_PAYABLE = "reward_payable", _("应付成果转化奖励")
    TAX_PAYABLE = "tax_payable", _("应交税费")
    NET_ASSETS = "net_assets", _("累计盈余")
    CONVERSION_INCOME = "conversion_income", _("成果转化收入")
    FEE_INCOME = "fee_income", _("服务费收入")
    DIRECT_COST = "direct_cost", _("成果转化成本")
    REWARD_EXPENSE = "reward_expense", _("成果转化奖励")
    ADMIN_EXPENSE = "admin_expense", _("管理费用")
    TAX_EXPENSE = "tax_expense", _("税金及附加")
    EXCHANGE = "exchange", _("货币兑换")
    ESCROW_BANK = "escrow_bank", _("代管资金专户")
    HELD = "held", _("代管款")


_A, _L, _N, _I, _E = (
    AccountKind.ASSET,
    AccountKind.LIABILITY,
    AccountKind.EQUITY,
    AccountKind.INCOME,
    AccountKind.EXPENSE,
)
KIND_OF = {
    Purpose.BANK: _A,
    Purpose.RECEIVABLE: _A,
    Purpose.OTHER_RECEIVABLE: _A,
    Purpose.PAYABLE: _L,
    Purpose.ADVANCE: _L,
    Purpose.OTHER_PAYABLE: _L,
    Purpose.REWARD_PAYABLE: _L,
    Purpose.TAX_PAYABLE: _L,
    Purpose.NET_ASSETS: _N,
    Purpose.CONVERSION_INCOME: _I,
    Purpose.FEE_INCOME: _I,
    Purpose.DIRECT_COST: _E,
    Purpose.REWARD_EXPENSE: _E,
    Purpose.ADMIN_EXPENSE: _E,
    Purpose.TAX_EXPENSE: _E,
    Purpose.EXCHANGE: _N,
    Purpose.ESCROW_BANK: _A,
    Purpose.HELD: _L,
}
# Others' money: it balances by itself, so that what is held is there, and nobody's share of it falls below zero.
ESCROW = frozenset({Purpose.ESCROW_BANK, Purpose.HELD})
# Every line names whose claim or debt it is.
OF_PARTIES = frozenset(
    {
        Purpose.RECEIVABLE,
        Purpose.OTHER_RECEIVABLE,
        Purpose.PAYABLE,
        Purpose.ADVANCE,
        Purpose.OTHER_PAYABLE,
        Purpose.REWARD_PAYABLE,
        Purpose.HELD,
    }
)


class EntryKind(models.TextChoices):
    ORDINARY = "ordinary", _("记账")
    OPENING = "opening", _("期初")
    REVERSAL = "reversal", _("红字冲销")
    CARRY = "carry", _("年末结转")


@dataclass(frozen=True)
class Line:
    """One line of an entry to be posted: debits are positive. `account` is a purpose, or an account's number."""

    account: Purpose | str
    amount: Money
    why: str
    organisation_id: int | None = None
    person_id: int | None = None
    label: str = ""  # where a book has several accounts of one purpose and currency
    due_on: date | None = None


@dataclass(frozen=True)
class Draft:
    """An entry to be posted. The same `key` posts once; `cause` is the public code of what it comes from."""

    why: str
    key: str
    lines: tuple[Line, ...] = field(default_factory=tuple)
    booked_on: date | None = None  # today, when none is given
    cause: str = ""


def debit(account: Purpose | str, amount: Money, why: str, **rest: object) -> Line:
    return Line(account, amount, why, **rest)  # type: ignore[arg-type]  # the rest are fields of Line


def credit(account: Purpose | str, amount: Money, why: str, **rest: object) -> Line:
    return Line(account, -amount, why, **rest)  # type: ignore[arg-type]  # the rest are fields of Line


class Unbalanced(BadInput):
    """Debits and credits of one currency differ, or escrow and own money were mixed."""

    message = _("借贷不平。")


class MonthClosed(WrongState):
    """A closed month takes no more entries."""

    message = _("这个月已经结账，不能再记账。请把凭证日期写在还没有结账的月份。")


class KeyUsed(DomainError):
    """The key posted another entry before."""

    message = _("这个幂等键已用于另一张凭证：同一个键只能记同一张凭证。")


class AlreadyReversed(WrongState):
    """An entry is reversed once."""

    message = _("这张凭证已经冲销过。")


class HeldTooLittle(WrongState):
    """Escrow money is paid out only as far as it is held for that very party."""

    message = _("代管款不足：不能动用替别人保管的钱。")


class AccountClosed(WrongState):
    """A closed account takes no more lines."""

    message = _("这个科目已经停用，不能再记账。")


class TooMuch(BadInput):
    """More lines than one export on the web carries."""

    message = _("导出的分录太多。请缩短期间，或请站点管理员用 keqiao ledger export 导出。")


@dataclass(frozen=True)
class Problem:
    """What is wrong in a row of a table that was sent, in the reader's language."""

    row: int
    column: str
    text: str


class BadRows(BadInput):
    """Rows of a table that cannot be used: all of them, the first one in the message."""

    def __init__(self, problems: list[Problem]) -> None:
        text = problems[0].text
        if len(problems) > 1:
            text = _("%(first)s（共 %(count)s 处错误。）") % {"first": text, "count": len(problems)}
        super().__init__(text, field="file")
        self.problems = problems
