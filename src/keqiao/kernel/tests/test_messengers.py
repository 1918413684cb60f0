import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from keqiao.kernel import messengers, outgoing
from keqiao.kernel.messengers import Messenger

WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=566cc69da782ec"
FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/6b1a-44c8"
AT = 1_700_000_000
GIVEN = {"title": "有新的匹配", "link": "https://keqiao.example/needs/XQ-1", "at": AT}
TEXT = "有新的匹配\nhttps://keqiao.example/needs/XQ-1"


def test_wecom():
    post = messengers.write("wecom", WECOM, "", **GIVEN)
    assert (post.url, post.body) == (WECOM, {"msgtype": "text", "text": {"content": TEXT}})


def test_dingtalk_signs_in_the_address():
    assert messengers.write("dingtalk", DINGTALK, "", **GIVEN).url == DINGTALK
    post = messengers.write("dingtalk", DINGTALK, "SECabc", **GIVEN)
    asked = parse_qs(urlsplit(post.url).query)
    sign = base64.b64encode(hmac.new(b"SECabc", f"{AT}000\nSECabc".encode(), hashlib.sha256).digest()).decode()
    assert asked == {"access_token": ["566cc69da782ec"], "timestamp": [f"{AT}000"], "sign": [sign]}
    assert post.body == {"msgtype": "text", "text": {"content": TEXT}}


def test_feishu_signs_in_the_body():
    plain = messengers.write("feishu", FEISHU, "", **GIVEN)
    assert plain.body == {"msg_type": "text", "content": {"text": TEXT}}
    post = messengers.write("feishu", FEISHU, "word", **GIVEN)
    sign = base64.b64encode(hmac.new(f"{AT}\nword".encode(), b"", hashlib.sha256).digest()).decode()
    assert (post.url, post.body) == (FEISHU, {"timestamp": str(AT), "sign": sign, **plain.body})


@pytest.mark.parametrize(("format_", "url"), [("wecom", WECOM), ("dingtalk", DINGTALK), ("feishu", FEISHU)])
def test_only_the_robots_own_addresses(format_, url):
    assert messengers.check_address(format_, url) == url
    for other in {WECOM, DINGTALK, FEISHU, "https://example.org/hook", url.replace("https", "http")} - {url}:
        with pytest.raises(outgoing.AddressRefused):
            messengers.check_address(format_, other)
    with pytest.raises(outgoing.AddressRefused):
        messengers.check_address(format_, f"https://{urlsplit(url).hostname}/")


def test_an_address_is_shown_without_its_key():
    assert messengers.masked(WECOM) == "qyapi.weixin.qq.com/…5aaa"


@pytest.mark.parametrize(
    ("format_", "said", "taken"),
    [
        (Messenger.WECOM, {"errcode": 0, "errmsg": "ok"}, True),
        (Messenger.WECOM, {"errcode": 93000, "errmsg": "invalid webhook url"}, False),
        (Messenger.DINGTALK, {"errcode": 310000, "errmsg": "sign not match"}, False),
        (Messenger.DINGTALK, {"errcode": 0}, True),
        (Messenger.FEISHU, {"code": 0, "msg": "success"}, True),
        (Messenger.FEISHU, {"StatusCode": 0, "StatusMessage": "success"}, True),
        (Messenger.FEISHU, {"code": 19021, "msg": "sign match fail"}, False),
        (Messenger.FEISHU, [], False),
    ],
)
def test_what_they_say_in_the_body_counts(format_, said, taken):
    assert messengers.is_taken(format_, json.dumps(said)) is taken
    assert messengers.is_taken(format_, "<html>") is False
