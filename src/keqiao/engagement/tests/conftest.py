"""Messages are compared in Chinese, whatever language the test before left."""

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def _chinese():
    with translation.override("zh-hans"):
        yield
