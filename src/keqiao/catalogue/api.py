"""The API of catalogue that changes data; what is read of it stands in web/api.py with the matches."""

from ninja import Router

router = Router(tags=["catalogue"])
