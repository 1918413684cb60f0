"""Group robots of messengers: the exact JSON that each one takes, signed as each one asks.

WeCom (企业微信): https://developer.work.weixin.qq.com/document/path/91770 · DingTalk (钉钉):
https://open.dingtalk.com/document/robots/custom-robot-access · Feishu (飞书):
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot. A key is part of the address, so an address is a
secret: shown masked, never logged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs, quote_plus, urlsplit

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel import outgoing


class Messenger(models.TextChoices):
    WECOM = "wecom", _("企业微信群机器人")
    DINGTALK = "dingtalk", _("钉钉群机器人")
    FEISHU = "feishu", _("飞书群机器人")


@dataclass(frozen=True)
class _Place:
    hosts: tuple[str, ...]
    path: str  # how the path of a robot's address begins
    key: str  # the part of the query that is the key; empty: the last part of the path
    example: str


PLACES = {
    Messenger.WECOM: _Place(
        ("qyapi.weixin.qq.com",),
        "/cgi-bin/webhook/send",
        "key",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
    ),
    Messenger.DINGTALK: _Place(
        ("oapi.dingtalk.com",), "/robot/send", "access_token", "https://oapi.dingtalk.com/robot/send?access_token=…"
    ),
    Messenger.FEISHU: _Place(
        ("open.feishu.cn", "open.larksuite.com"),
        "/open-apis/bot/v2/hook/",
        "",
        "https://open.feishu.cn/open-apis/bot/v2/hook/…",
    ),
}


def hosts_of(format_: str) -> Collection[str]:
    return PLACES[Messenger(format_)].hosts


def check_address(format_: str, url: str) -> str:
    """An address of a robot of this messenger, with its key."""
    place = PLACES[Messenger(format_)]
    outgoing.check_url(url, hosts=place.hosts)
    parts = urlsplit(url)
    has_key = bool(parse_qs(parts.query).get(place.key)) if place.key else len(parts.path) > len(place.path)
    if not parts.path.startswith(place.path) or not has_key:
        raise outgoing.AddressRefused(
            _("这不是该机器人的 Webhook 地址，例如 %(example)s") % {"example": place.example}, field="url"
        )
    return url


def masked(url: str) -> str:
    """What may be shown of an address: where it leads, and the end of its key."""
    return f"{urlsplit(url).hostname}/…{url[-4:]}"


@dataclass(frozen=True)
class Post:
    url: str
    body: dict[str, object]


def write(format_: str, url: str, secret: str, *, title: str, link: str, at: int) -> Post:
    """What is posted. `at`: seconds since 1970, for the signature of those that sign."""
    text = f"{title}\n{link}" if link else title
    if format_ == Messenger.WECOM:
        return Post(url, {"msgtype": "text", "text": {"content": text}})
    if format_ == Messenger.DINGTALK:
        return Post(_signed_url(url, secret, at * 1000), {"msgtype": "text", "text": {"content": text}})
    body: dict[str, object] = {"msg_type": "text", "content": {"text": text}}
    if secret:
        body = {"timestamp": str(at), "sign": _feishu_sign(secret, at), **body}
    return Post(url, body)


def _signed_url(url: str, secret: str, milliseconds: int) -> str:
    """DingTalk: HMAC-SHA256 with the secret over timestamp, newline, secret; base64; in the query."""
    if not secret:
        return url
    signed = hmac.new(secret.encode(), f"{milliseconds}\n{secret}".encode(), hashlib.sha256).digest()
    return f"{url}&timestamp={milliseconds}&sign={quote_plus(base64.b64encode(signed))}"


def _feishu_sign(secret: str, seconds: int) -> str:
    """Feishu: HMAC-SHA256 of nothing, with timestamp, newline, secret as the key; base64; in the body."""
    return base64.b64encode(hmac.new(f"{seconds}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


def is_taken(format_: str, text: str) -> bool:
    """Messengers answer 200 to everything and say in the body whether they took it."""
    try:
        said = json.loads(text)
    except ValueError:
        return False
    if not isinstance(said, dict):
        return False
    code = said.get("code", said.get("StatusCode")) if format_ == Messenger.FEISHU else said.get("errcode")
    return code == 0


def send(format_: str, post: Post) -> outgoing.Answered:
    """Once. A messenger that answered 200 but refused (wrong key, too often) has not taken it."""
    body = json.dumps(post.body, ensure_ascii=False).encode()
    answered = outgoing.post(post.url, body, {"Content-Type": "application/json; charset=utf-8"})
    if answered.is_taken and not is_taken(format_, answered.text):
        return outgoing.Answered(answered.status, "", answered.took_ms, "the messenger refused it")
    return answered
