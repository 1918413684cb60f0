"""The API of integrations: a second view over the same commands."""

from ninja import Router

router = Router(tags=["integrations"])
