"""Parsing and shape of what people type about their accounts; the rules are the commands'."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from keqiao.accounts.types import Channel
from keqiao.kernel.errors import DomainError

LONGEST_PASSWORD = 256


def _input(autocomplete: str, **more: str) -> dict[str, str]:
    return {"class": "input", "autocomplete": autocomplete, **more}


class PlainForm(forms.Form):
    """Errors stand with their field; a refusal by a command is put there too."""

    def refuse(self, error: DomainError) -> None:
        self.add_error(error.field if error.field in self.fields else None, str(error))


class PasskeyNameForm(PlainForm):
    name = forms.CharField(
        label=_("名称"),
        max_length=40,
        widget=forms.TextInput(attrs=_input("off")),
        error_messages={
            "required": _("请填写，例如“办公室电脑”。"),
            "max_length": _("名称为 1 至 40 个字，例如“办公室电脑”。"),
        },
    )


class SignInForm(PlainForm):
    username = forms.CharField(
        label=_("电子邮箱或手机号"),
        max_length=254,
        widget=forms.TextInput(attrs=_input("username webauthn", inputmode="email", autocapitalize="none")),
        error_messages={"required": _("请填写，例如 xu@chengyuan.example 或 13800138000。")},
    )
    password = forms.CharField(
        label=_("密码"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs=_input("current-password")),
        error_messages={"required": _("请填写密码。")},
    )
    remember = forms.BooleanField(label=_("在这台设备上保持登录 14 天"), required=False)


class AddressForm(PlainForm):
    address = forms.CharField(
        label=_("电子邮箱或手机号"),
        max_length=254,
        widget=forms.TextInput(attrs=_input("username", inputmode="email", autocapitalize="none")),
        error_messages={"required": _("请填写，例如 xu@chengyuan.example 或 13800138000。")},
    )

    def __init__(self, *args: Any, channels: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if channels == [Channel.EMAIL]:
            self.fields["address"].label = _("电子邮箱")
        elif channels == [Channel.SMS]:
            self.fields["address"].label = _("手机号")


class CodeForm(PlainForm):
    code = forms.CharField(
        label=_("验证码"),
        max_length=20,
        widget=forms.TextInput(attrs=_input("one-time-code", inputmode="numeric")),
        error_messages={"required": _("请填写收到的 6 位数字，例如 402716。")},
    )


class SecondStepForm(PlainForm):
    code = forms.CharField(
        label=_("动态验证码或恢复码"),
        max_length=20,
        widget=forms.TextInput(attrs=_input("one-time-code", inputmode="numeric")),
        error_messages={"required": _("请填写验证器里的 6 位数字，或一个恢复码。")},
    )


class AgreeForm(PlainForm):
    """The part of every sign-up: a name and the tick."""

    name = forms.CharField(
        label=_("姓名"),
        max_length=80,
        widget=forms.TextInput(attrs=_input("name")),
        error_messages={"required": _("请填写姓名，例如 许砚秋。")},
    )
    agreed = forms.BooleanField(
        label=_("我已阅读并同意用户协议和隐私政策"),
        error_messages={"required": _("请先阅读并勾选同意用户协议和隐私政策。")},
    )


class DetailsForm(AgreeForm):
    NO_PASSWORD = _("请设置密码，至少 10 个字符；或选择使用通行密钥。")
    password = forms.CharField(
        label=_("密码"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        required=False,
        widget=forms.PasswordInput(attrs=_input("new-password")),
        help_text=_("至少 10 个字符。用通行密钥的，可以不设密码。"),
    )
    field_order = ["name", "password", "agreed"]


class PasswordForm(PlainForm):
    password = forms.CharField(
        label=_("新密码"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs=_input("new-password")),
        help_text=_("至少 10 个字符，例如几个不相干的词组成的短语。"),
        error_messages={"required": _("请填写新密码，至少 10 个字符。")},
    )


class ConfirmForm(PlainForm):
    password = forms.CharField(
        label=_("密码"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs=_input("current-password")),
        error_messages={"required": _("请填写密码。")},
    )


class CredentialForm(forms.Form):
    """What the browser's passkey dialogue gave, as JSON."""

    credential = forms.JSONField()
    name = forms.CharField(max_length=40, required=False)
