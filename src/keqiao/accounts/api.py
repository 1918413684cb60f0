"""The API of accounts: a second view over the same commands."""

from ninja import Router

router = Router(tags=["accounts"])
