"""A university's book over five months: income by instalments, costs, rewards, deposits held, a mistake reversed, months closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from keqiao.kernel import clock
from keqiao.kernel.money import Money
from keqiao.ledger import selectors, services
from keqiao.ledger.sheets import OpeningRow
from keqiao.ledger.types import Draft, Line, Purpose, credit, debit
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role


def load(organisations: Mapping[str, int]) -> None:
    """Through the ordinary commands, as the university's accountant; twice is once, by the keys of the entries."""
    home, buyer, bidder = (organisations.get(key) for key in ("lut", "chengyuan", "lju"))
    keeper = next(iter(parties.people_in_posts([Role.FINANCE_OFFICER], organisation_id=home)), None)
    author = next(iter(parties.people_in_posts([Role.RESEARCHER], organisation_id=home)), None)
    if home is None or buyer is None or bidder is None or keeper is None or author is None:
        return
    actor = parties.actor_for(keeper.user, acting_for=home)
    book = services.open_book(actor=actor, organisation_code=parties.codes_by_id([home])[home])
    if selectors.latest_month(book) is not None:
        return
    months = _months(clock.today(), 5)
    rows = [
        OpeningRow(2, Purpose.BANK, "CNY", 86_420_000),
        OpeningRow(3, Purpose.NET_ASSETS, "CNY", -86_420_000),
    ]
    services.import_opening(actor=actor, book_code=book.code, rows=rows, booked_on=months[0], key="demo:opening")
    for number, (day, why, lines) in enumerate(_entries(months, buyer, bidder, author.pk), start=1):
        draft = Draft(why=why, key=f"demo:{number}", lines=lines, booked_on=day)
        services.post_by_hand(actor=actor, book_code=book.code, draft=draft)
    _mistake(actor, book.code, months[2])
    services.close_months(actor=actor, book_code=book.code, through=months[2])


def _months(today: date, count: int) -> list[date]:
    """The first days of the months before this one, oldest first."""
    found = [selectors.month_of(selectors.month_of(today) - timedelta(days=1))]
    while len(found) < count:
        found.append(selectors.month_of(found[-1] - timedelta(days=1)))
    return found[::-1]


def _entries(months: list[date], buyer: int, bidder: int, inventor: int) -> list[tuple[date, str, tuple[Line, ...]]]:
    total, first, second = (Money.wan(amount) for amount in ("128", "64", "32"))
    cost, reward, deposit, fee, dollars = (
        Money.of("38600.00"),
        Money.of("426980.00"),
        Money.wan("20"),
        Money.wan("1.5"),
        Money.of("15000.00", "USD"),
    )
    claim = "耐酸纳滤膜专利许可费"
    due = months[1] + timedelta(days=14)
    return [
        (
            months[0] + timedelta(days=9),
            f"{claim}：合同生效",
            (
                debit(Purpose.RECEIVABLE, total, claim, organisation_id=buyer, due_on=due),
                credit(Purpose.CONVERSION_INCOME, total, claim),
            ),
        ),
        (months[0] + timedelta(days=19), "收到许可费首付款", _paid(first, buyer)),
        (
            months[1] + timedelta(days=4),
            "第三方检测费",
            (debit(Purpose.DIRECT_COST, cost, "检测费"), credit(Purpose.BANK, cost, "检测费")),
        ),
        (months[1] + timedelta(days=11), "收到许可费第二笔", _paid(second, buyer)),
        (
            months[2] + timedelta(days=6),
            "收到意向方竞价保证金",
            (
                debit(Purpose.ESCROW_BANK, deposit, "保证金"),
                credit(Purpose.HELD, deposit, "保证金", organisation_id=bidder),
            ),
        ),
        (
            months[3] + timedelta(days=8),
            "保证金转服务费，余款退还",
            (
                debit(Purpose.HELD, deposit, "保证金转出", organisation_id=bidder),
                credit(Purpose.ESCROW_BANK, deposit, "保证金转出"),
                debit(Purpose.BANK, fee, "交易服务费"),
                credit(Purpose.FEE_INCOME, fee, "交易服务费"),
            ),
        ),
        (
            months[3] + timedelta(days=12),
            "计提成果完成人奖励",
            (
                debit(Purpose.REWARD_EXPENSE, reward, "许可净收入的奖励"),
                credit(Purpose.REWARD_PAYABLE, reward, "许可净收入的奖励", person_id=inventor),
            ),
        ),
        (
            months[4] + timedelta(days=2),
            "收到境外许可费",
            (debit(Purpose.BANK, dollars, "许可费"), credit(Purpose.CONVERSION_INCOME, dollars, "许可费")),
        ),
    ]


def _paid(amount: Money, buyer: int) -> tuple[Line, ...]:
    return debit(Purpose.BANK, amount, "收款"), credit(Purpose.RECEIVABLE, amount, "收款", organisation_id=buyer)


def _mistake(actor: Actor, code: str, month: date) -> None:
    """A wrong amount, taken back in red, and the right one."""
    for key, amount in (("demo:wrong", "5800.00"), ("demo:right", "8500.00")):
        money = Money.of(amount)
        lines = (debit(Purpose.ADMIN_EXPENSE, money, "专利年费"), credit(Purpose.BANK, money, "专利年费"))
        day = month + timedelta(days=16)
        made = services.post_by_hand(
            actor=actor, book_code=code, draft=Draft(why="专利年费", key=key, lines=lines, booked_on=day)
        )
        if key == "demo:wrong":
            services.reverse_by_hand(
                actor=actor,
                book_code=code,
                month=made.month,
                number=made.number,
                why="金额记错",
                key="demo:red",
                booked_on=day,
            )
