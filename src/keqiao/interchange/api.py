"""The API of interchange: a second view over the same commands."""

from ninja import Router

router = Router(tags=["interchange"])
