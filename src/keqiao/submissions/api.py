"""The API of submissions: a second view over the same commands."""

from ninja import Router

router = Router(tags=["submissions"])
