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
from keqiao.deals.services.vouching import confirm_line_for, payee_joined, release_payment

__all__ = [
    "add_rule",
    "announcement_passed",
    "announcement_stopped",
    "answer_contest",
    "approve",
    "choose_law",
    "confirm_line",
    "confirm_line_for",
    "contest_line",
    "open_deal",
    "pay",
    "payee_joined",
    "prepare",
    "record_receipt",
    "register_contract",
    "release_payment",
    "reverse",
    "settle_deal",
    "show_price",
    "withdraw",
    "withdraw_price",
]
