"""The rows that sign in. Django's own model; whose they are is told by the contexts above."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password

from keqiao.kernel import codes


def open_user(*, username: str, email: str = "", password: str | None = None) -> Any:
    """The row that signs in, for commands that open an account. Its number is in passkeys, so it is drawn."""
    model = get_user_model()
    users = model.objects
    return users.create(
        pk=codes.short_key(model),
        username=model.normalize_username(username),
        email=users.normalize_email(email),
        password=make_password(password),
    )
