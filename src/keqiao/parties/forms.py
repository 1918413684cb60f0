"""The fields of this context's forms: what they are called, what was typed, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.http.request import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, DomainError
from keqiao.kernel.parameters import parameter
from keqiao.parties.types import FOUNDED_BY_ITSELF, Qualification, Scheme, ShownPart, founding_roles, roles_in

Text = str | Promise
Options = Sequence[tuple[str, Text]]


@dataclass
class Field:
    """One field. kind: text, area, select, region, file, date, email, checks."""

    name: str
    label: Text
    value: Any = ""
    hint: Text = ""
    kind: str = "text"
    options: Options = ()
    longest: int | None = None
    is_optional: bool = False
    lang: str = ""
    error: str = ""
    fill: str = ""  # what the browser may fill in by itself
    accept: str = ".pdf,.png,.jpg,.jpeg"  # of a file


@dataclass
class Form:
    """`name` keeps the ids apart when a page has several forms."""

    name: str
    fields: list[Field]
    problem: str = ""
    groups: dict[str, Any] = field(default_factory=dict)

    def refuse(self, error: DomainError) -> Form:
        """Show the error at its field, or above all of them."""
        for one in self.fields:
            if error.field == one.name:
                one.error = str(error)
                return self
        self.problem = str(error)
        return self

    @property
    def errors(self) -> list[Field]:
        return [one for one in self.fields if one.error]

    @property
    def is_refused(self) -> bool:
        return bool(self.problem or self.errors)


def read_day(text: str, name: str) -> date:
    """A date as <input type=date> sends it."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(_("日期写成 2026-11-20 的样子。"), field=name) from None


def read_optional_day(text: str, name: str) -> date | None:
    return read_day(text, name) if text.strip() else None


def read_id(text: str, name: str) -> int:
    """The number of a row that a select sends."""
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise BadInput(_("请从列表里选一项。"), field=name)
    return int(text)


def roles_field(kind: str, value: str = "", *, founding: bool = False, with_platform: bool = False) -> Field:
    roles = founding_roles(kind) if founding else roles_in(kind, with_platform=with_platform)
    return Field("role", _("角色"), value, kind="select", options=[(role.value, role.label) for role in roles])


def join_form(kind: str, given: QueryDict | None = None, *, chosen: str = "") -> Form:
    given = given or QueryDict()
    return Form(
        "join",
        [
            roles_field(kind, given.get("role", chosen)),
            Field(
                "text",
                _("说明"),
                given.get("text", ""),
                hint=_("让对方认得出您，例如所在院系、工号以外的联系人。"),
                kind="area",
                longest=500,
                is_optional=True,
            ),
        ],
    )


def founding_form(kind: str, given: QueryDict | None = None) -> Form:
    """For a centre abroad the number of its foreign register takes the place of the credit code."""
    given = given or QueryDict()
    is_abroad = kind == "channel"
    code = (
        Field(
            "registration",
            _("境外登记号"),
            given.get("registration", ""),
            hint=_("国家两位字母加登记号，例如 DE HRB 12345"),
            longest=60,
        )
        if is_abroad
        else Field(
            "credit_code",
            _("统一社会信用代码"),
            given.get("credit_code", ""),
            hint=_("执照上的 18 位代码"),
            longest=40,
        )
    )
    return Form(
        "found",
        [
            code,
            Field("name_zh", _("中文全称"), given.get("name_zh", ""), hint=_("与执照一致"), longest=200, lang="zh-CN"),
            Field(
                "name_en",
                _("英文名称"),
                given.get("name_en", ""),
                longest=200,
                is_optional=not is_abroad,
                lang="en",
            ),
            Field("region", _("所在地区"), given.get("region", ""), kind="region", is_optional=True),
            roles_field(kind, given.get("role", ""), founding=True),
            Field(
                "licence",
                _("登记证明") if is_abroad else _("营业执照或法人证书"),
                hint=_("PDF、PNG 或 JPEG。只有本单位的人和平台审核人员能打开。"),
                kind="file",
            ),
        ],
    )


def founding_kinds() -> list[tuple[str, Text]]:
    return [(kind.value, kind.label) for kind in FOUNDED_BY_ITSELF]


def describing_form(organisation: Any, given: QueryDict | None = None) -> Form:
    def value(name: str) -> str:
        return given.get(name, "") if given is not None else getattr(organisation, name)

    return Form(
        "describe",
        [
            Field("name_zh", _("中文全称"), value("name_zh"), longest=200, lang="zh-CN"),
            Field("name_en", _("英文名称"), value("name_en"), longest=200, lang="en"),
            Field("short_zh", _("中文简称"), value("short_zh"), longest=60, is_optional=True, lang="zh-CN"),
            Field("short_en", _("英文简称"), value("short_en"), longest=60, is_optional=True, lang="en"),
            Field("region", _("所在地区"), value("region"), kind="region", is_optional=True),
            Field(
                "about_zh", _("中文介绍"), value("about_zh"), kind="area", longest=4_000, is_optional=True, lang="zh-CN"
            ),
            Field(
                "about_en", _("英文介绍"), value("about_en"), kind="area", longest=4_000, is_optional=True, lang="en"
            ),
        ],
    )


def alias_form(given: QueryDict | None = None) -> Form:
    hint = _("曾用名、品牌名、常见写法；名录按它也能查到")
    return Form("alias", [Field("name", _("别名"), (given or QueryDict()).get("name", ""), hint=hint, longest=200)])


def identifier_form(given: QueryDict | None = None) -> Form:
    given = given or QueryDict()
    return Form(
        "identifier",
        [
            Field("scheme", _("登记机构"), given.get("scheme", ""), kind="select", options=Scheme.choices),
            Field("value", _("标识"), given.get("value", ""), hint=_("例如 529900T8BM49AURSDO55"), longest=80),
        ],
    )


def logo_form() -> Form:
    hint = _("PNG、JPEG 或 WebP，最大 %(most)s KB，按内容检查，会缩小并去掉拍摄信息。不接受 SVG。")
    most = parameter("parties.logo_most_kb", on=clock.today())
    return Form(
        "logo", [Field("logo", _("标志图片"), hint=hint % {"most": most}, kind="file", accept=".png,.jpg,.jpeg,.webp")]
    )


def qualification_form(given: QueryDict | None = None) -> Form:
    given = given or QueryDict()
    return Form(
        "qualification",
        [
            Field("kind", _("资质"), given.get("kind", ""), kind="select", options=Qualification.choices),
            Field("number", _("证书编号"), given.get("number", ""), longest=60, is_optional=True),
            Field("valid_until", _("有效期至"), given.get("valid_until", ""), kind="date", is_optional=True),
            Field(
                "evidence",
                _("证书扫描件"),
                hint=_("PDF、PNG 或 JPEG，不公开"),
                kind="file",
                is_optional=True,
            ),
        ],
    )


def invitation_form(kind: str, given: QueryDict | None = None, *, with_platform: bool = False) -> Form:
    given = given or QueryDict()
    hint = _("填了邮箱，只有这个邮箱的账号能用；不填，就得到一个链接，请自己转给对方")
    return Form(
        "invite",
        [
            roles_field(kind, given.get("role", ""), with_platform=with_platform),
            Field(
                "email", _("电子邮箱"), given.get("email", ""), hint=hint, kind="email", longest=200, is_optional=True
            ),
        ],
    )


def absence_form(colleagues: Iterable[tuple[str, str]], given: QueryDict | None = None) -> Form:
    given = given or QueryDict()
    return Form(
        "absence",
        [
            Field("substitute", _("代办人"), given.get("substitute", ""), kind="select", options=list(colleagues)),
            Field("first_on", _("从"), given.get("first_on", ""), kind="date"),
            Field("last_on", _("到"), given.get("last_on", ""), kind="date", hint=_("到这一天为止，之后自动结束")),
        ],
    )


def profile_form(person: Any, languages: Options, given: QueryDict | None = None) -> Form:
    def value(name: str) -> str:
        return given.get(name, "") if given is not None else (getattr(person, name) or "")

    expertise = given.get("expertise", "") if given is not None else "，".join(person.expertise)
    shown = given.getlist("shown") if given is not None else person.shown
    return Form(
        "profile",
        [
            Field("name_zh", _("中文姓名"), value("name_zh"), longest=80, lang="zh-CN"),
            Field("name_en", _("英文姓名"), value("name_en"), longest=80, lang="en", is_optional=True),
            Field("title_zh", _("中文职务或职称"), value("title_zh"), longest=80, lang="zh-CN", is_optional=True),
            Field("title_en", _("英文职务或职称"), value("title_en"), longest=80, lang="en", is_optional=True),
            Field("orcid", "ORCID", value("orcid"), hint=_("例如 0000-0002-1825-0097"), longest=60, is_optional=True),
            Field(
                "expertise",
                _("专长"),
                expertise,
                hint=_("用逗号隔开，例如：膜分离，湿法冶金"),
                longest=600,
                is_optional=True,
            ),
            Field(
                "language",
                _("习惯用的语言"),
                value("language"),
                kind="select",
                options=[("", _("跟随浏览器")), *languages],
            ),
            Field(
                "shown",
                _("在本单位页面上公开"),
                list(shown),
                hint=_("默认什么都不公开。邮箱和手机号在任何情况下都不公开。"),
                kind="checks",
                options=ShownPart.choices,
            ),
        ],
    )


def merge_form(given: QueryDict) -> Form:
    return Form(
        "merge",
        [
            Field("kept", _("保留哪一家"), given.get("kept", ""), hint=_("编号，例如 DW-00001"), longest=24),
            Field("gone", _("并入它的重复条目"), given.get("gone", ""), hint=_("编号，例如 DW-00002"), longest=24),
            Field("reason", _("依据"), given.get("reason", ""), longest=300, is_optional=True),
        ],
    )


def text_form(name: str, field_name: str, label: Text, hint: Text, given: QueryDict | None = None) -> Form:
    """One text: a question, an answer, a reason."""
    value = (given or QueryDict()).get(field_name, "")
    return Form(name, [Field(field_name, label, value, hint=hint, kind="area", longest=1_000)])
