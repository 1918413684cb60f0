"""Whether a password will do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput


def check(password: str, user: Any = None) -> None:
    """By the site's validators (length, common passwords). Raises BadInput."""
    try:
        validate_password(password, user)
    except ValidationError:
        raise BadInput(
            _("密码太短或太常见：至少 10 个字符，例如由几个不相干的词组成的短语。"), field="password"
        ) from None
