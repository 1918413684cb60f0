"""The API of parties: a second view over the same commands."""

from ninja import Router

router = Router(tags=["parties"])
