"""Refusals of the API as problem+json (RFC 9457), in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import JsonResponse
from django.utils.translation import gettext as _

from keqiao.kernel.errors import DomainError

CODES = {
    400: "BadRequest",
    401: "TokenNeeded",
    403: "NotAllowed",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    412: "Stale",
    413: "TooLarge",
    415: "UnsupportedType",
    422: "BadInput",
    429: "TooMany",
    500: "Broken",
    503: "Busy",
}
JSON = "application/problem+json"
RETRY_SECONDS = {409: "1", 503: "5"}


def title_of(status: int) -> str:
    return {
        400: _("请求有误"),
        401: _("需要登录或令牌"),
        403: _("没有权限"),
        404: _("没有找到"),
        405: _("不支持这种请求方法"),
        412: _("内容已有改动"),
        413: _("内容太大"),
        415: _("不支持这种内容类型"),
        422: _("内容有误"),
        429: _("请求太频繁"),
        500: _("系统出错"),
        503: _("请稍后再试"),
    }.get(status, _("没有办成"))


def detail_of(status: int) -> str:
    """When nothing more is known than the status."""
    return {
        400: _("地址或内容里有不能处理的字符，或者不是合格的 JSON。"),
        404: _("没有找到，或者您不能查看。"),
        405: _("这个地址不支持这种请求方法，支持的见响应头 Allow。"),
        413: _("请求内容超过了允许的大小。"),
        415: _("请用接口说明里写的内容类型，例如 application/json。"),
        500: _("这是平台的错误，已经记下。请把响应头 X-Request-ID 告诉管理员。"),
    }.get(status, title_of(status))


def problem(
    status: int,
    code: str = "",
    detail: str = "",
    *,
    field: str = "",
    example: str = "",
    errors: Sequence[Mapping[str, str]] = (),
) -> JsonResponse:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title_of(status),
        "status": status,
        "detail": detail or detail_of(status),
        "code": code or CODES.get(status, "Problem"),
    }
    given = {"field": field, "example": example, "errors": list(errors)}
    answer = JsonResponse({**body, **{k: v for k, v in given.items() if v}}, status=status, content_type=JSON)
    if status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="keqiao"'
    if status in RETRY_SECONDS:
        answer["Retry-After"] = RETRY_SECONDS[status]
    return answer


def of_error(error: DomainError) -> JsonResponse:
    answer = problem(
        error.status, error.code, str(error), field=error.field, example=str(getattr(error, "example", "") or "")
    )
    scope = getattr(error, "scope", "")
    if scope:
        answer["WWW-Authenticate"] = f'Bearer realm="keqiao", error="insufficient_scope", scope="{scope}"'
    return answer


# --- what pydantic found, said in the reader's language -----------------------------------------------------------------


def of_validation(errors: Sequence[Mapping[str, Any]]) -> JsonResponse:
    """All fields that cannot be used, the first one also at the top."""
    found = [_field_problem(error) for error in errors]
    first = found[0] if found else {"field": "", "detail": detail_of(422)}
    lines = [f"{row['field']}: {row['detail']}" if row["field"] else row["detail"] for row in found]
    return problem(
        422,
        "BadInput",
        "; ".join(lines) or detail_of(422),
        field=first["field"],
        example=first.get("example", ""),
        errors=found if len(found) > 1 else (),
    )


def _field_problem(error: Mapping[str, Any]) -> dict[str, str]:
    where, *place = error.get("loc", ()) or ("",)
    # In a body, the name of the operation's argument comes first; in a form, unless the field is an argument itself.
    if where == "body" or (where in {"form", "file"} and len(place) > 1 and isinstance(place[1], str)):
        place = place[1:]
    detail, example = _said(str(error.get("type", "")), error.get("ctx") or {})
    found = {"field": ".".join(str(part) for part in place), "detail": detail}
    return {**found, "example": example} if example else found


def _said(kind: str, given: Mapping[str, Any]) -> tuple[str, str]:
    """A sentence and an example for a kind of pydantic error."""
    if kind == "value_error" and "date" in str(given.get("error", "")):
        kind = "date_type"
    for start, (sentence, example) in _kinds().items():
        if kind.startswith(start):
            return sentence, example
    for name, (limit, sentence) in _limits().items():
        if kind == name:
            return sentence % {"n": given.get(limit, "")}, ""
    return _("这一项的值不能用。"), ""


def _kinds() -> dict[str, tuple[str, str]]:
    """How pydantic's names of errors begin; `datetime` stands before `date`."""
    return {
        "missing": (_("缺少这一项。"), ""),
        "int_": (_("应是整数。"), "1"),
        "decimal_": (_("应是数。"), "12.5"),
        "float_": (_("应是数。"), "12.5"),
        "bool_": (_("应是 true 或 false。"), "true"),
        "datetime_": (_("应是带时区的时间。"), "2026-11-20T09:00:00+08:00"),
        "timezone_": (_("应是带时区的时间。"), "2026-11-20T09:00:00+08:00"),
        "date_": (_("应是日期。"), "2026-11-20"),
        "string_type": (_("应是文字。"), ""),
        "string_unicode": (_("应是文字。"), ""),
        "list_type": (_("应是列表。"), "[]"),
        "dict_type": (_("应是 JSON 对象。"), "{}"),
        "model_": (_("应是 JSON 对象。"), "{}"),
        "extra_forbidden": (_("没有这一项。"), ""),
    }


def _limits() -> dict[str, tuple[str, str]]:
    return {
        "string_too_long": ("max_length", _("最多 %(n)s 个字。")),
        "string_too_short": ("min_length", _("至少 %(n)s 个字。")),
        "too_long": ("max_length", _("最多 %(n)s 项。")),
        "too_short": ("min_length", _("至少 %(n)s 项。")),
        "less_than_equal": ("le", _("不能大于 %(n)s。")),
        "less_than": ("lt", _("应小于 %(n)s。")),
        "greater_than_equal": ("ge", _("不能小于 %(n)s。")),
        "greater_than": ("gt", _("应大于 %(n)s。")),
        "string_pattern_mismatch": ("pattern", _("应符合格式 %(n)s。")),
        "literal_error": ("expected", _("应是以下之一：%(n)s。")),
        "enum": ("expected", _("应是以下之一：%(n)s。")),
    }
