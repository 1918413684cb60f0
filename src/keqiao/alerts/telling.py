"""The notice of a digest: how many, and where to read them. Its mail has the lines, worked out when it is sent."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from keqiao.kernel import notices

KIND = "alerts.digest"
TITLES = {
    "at_once": ("您关注的有 {n} 条新动态", "{n} new alerts on what you watch"),
    "daily": ("今日关注汇总：{n} 条", "Your daily digest: {n} alerts"),
    "weekly": ("本周关注汇总：{n} 条", "Your weekly digest: {n} alerts"),
}


def name_kinds() -> None:
    from keqiao.alerts import mailing

    notices.kind(KIND, _("关注的新动态与汇总"), email="at_once", letter=mailing.letter)
    notices.kind(STALE, _("公开条目需要维护"), email="daily")


STALE = "alerts.stale"
STALE_TITLES = ("有公开的条目需要您确认是否仍然有效", "Some of your public items need to be confirmed")


def titles(cadence: str, lines: int) -> tuple[str, str]:
    zh, en = TITLES[cadence]
    return zh.format(n=lines), en.format(n=lines) if lines != 1 else en.format(n=lines).replace("alerts", "alert")
