"""The API of engagement: a second view over the same commands."""

from ninja import Router

router = Router(tags=["engagement"])
