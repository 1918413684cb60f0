"""Commands of the deals context."""

from keqiao.deals.services.agreeing import (
    add_rule,
    choose_law,
    open_deal,
    record_receipt,
    register_contract,
    settle_deal,
)
from keqiao.deals.services.distributing import (
    announcement_passed,
    announcement_stopped,
    answer_contest,
    approve,
    confirm_line,
    contest_line,
    prepare,
    reverse,
    withdraw,
)
from keqiao.deals.services.paying import pay
from keqiao.deals.services.pricing import show_price, withdraw_price

__all__ = [
    "add_rule",
    "announcement_passed",
    "announcement_stopped",
    "answer_contest",
    "approve",
    "choose_law",
    "confirm_line",
    "contest_line",
    "open_deal",
    "pay",
    "prepare",
    "record_receipt",
    "register_contract",
    "reverse",
    "settle_deal",
    "show_price",
    "withdraw",
    "withdraw_price",
]
