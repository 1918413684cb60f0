"""Commands of the ledger context. Other contexts call `post` and `reverse` inside commands of their own."""

from keqiao.ledger.services.closing import close_months
from keqiao.ledger.services.moving import move_book, move_book_back
from keqiao.ledger.services.opening import import_opening
from keqiao.ledger.services.posting import post, post_by_hand, reverse, reverse_by_hand
from keqiao.ledger.services.setting_up import close_account, open_account, open_book

__all__ = [
    "close_account",
    "close_months",
    "import_opening",
    "move_book",
    "move_book_back",
    "open_account",
    "open_book",
    "post",
    "post_by_hand",
    "reverse",
    "reverse_by_hand",
]
