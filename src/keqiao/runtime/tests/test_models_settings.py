"""Settings of outside models are whole, or the site does not start."""

from decimal import Decimal

import pytest

from keqiao.runtime.environment import BadSetting, read_environment

CHAT = {
    "KEQIAO_CHAT_URL": "https://models.example.org/v1/",
    "KEQIAO_CHAT_MODEL": "m",
    "KEQIAO_CHAT_PRICE_IN": "2",
    "KEQIAO_CHAT_PRICE_OUT": "0",
}


def test_a_whole_endpoint_is_read():
    found = read_environment(CHAT)
    assert (found.chat_url, found.chat_price_in, found.models_cap) == (
        "https://models.example.org/v1",
        Decimal(2),
        Decimal(500),
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"KEQIAO_CHAT_MODEL": ""},
        {"KEQIAO_CHAT_PRICE_IN": ""},
        {"KEQIAO_CHAT_PRICE_IN": "-1"},
        {"KEQIAO_CHAT_PRICE_IN": "NaN"},
        {"KEQIAO_CHAT_URL": "http://models.example.org/v1"},
        {"KEQIAO_CHAT_URL": "https://user@models.example.org/v1"},
        {"KEQIAO_CHAT_URL": "file:///etc/passwd"},
        {"KEQIAO_EMBEDDINGS_URL": "https://models.example.org", "KEQIAO_EMBEDDINGS_FOLDER": "/m"},
        {"KEQIAO_MODELS_CAP": "much"},
    ],
)
def test_what_is_missing_or_unsafe_is_said_at_the_start(changed):
    with pytest.raises(BadSetting, match="KEQIAO_"):
        read_environment({**CHAT, **changed})


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "models.internal"])
def test_plain_http_is_for_ones_own_hosts(host):
    url = f"http://{host}/v1"
    given = {**CHAT, "KEQIAO_CHAT_URL": url, "KEQIAO_OUTGOING_HOSTS": "models.internal"}
    assert read_environment(given).chat_url == url
