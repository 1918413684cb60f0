"""A site that sends mail and texts, into memory."""

import pytest

from keqiao.accounts.gateways import MEMORY, MemorySms


@pytest.fixture
def sends(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.SENDS_EMAIL = True
    settings.SMS_URL = MEMORY
    MemorySms.sent.clear()
    return settings


@pytest.fixture
def demo(settings, tmp_path):
    """A demo site that sends nothing."""
    settings.DATA_DIR = tmp_path
    (tmp_path / "demo.json").write_text("[]", encoding="utf-8")
    return settings
