"""The mail of a digest: each line with why it is shown, its points and its link; each watch with a link that stops it.

It is written at the moment it is sent: what was hidden meanwhile is not in it.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from keqiao.accounts import selectors as accounts
from keqiao.alerts import selectors, showing, stopping
from keqiao.kernel import clock
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties

CONSENT = "digest"


def letter(notice: Any) -> str | None:
    """None: the person does not agree to such mail, or nothing is left to show."""
    today = clock.today()
    digest = selectors.digest_to_mail(notice.link.rpartition("/")[2])
    if digest is None or not accounts.has_consent(digest.person_id, CONSENT, today):
        return None
    most = int(parameter("alerts.lines_per_mail", on=today))
    actor = parties.actor_of_person(digest.person_id)
    lines = showing.lines_of(list(selectors.told_in(digest)[:most]), actor=actor)
    if not lines:
        return None
    language = "en" if translation.get_language() == "en" else "zh"
    parts = [_line(number, line, language) for number, line in enumerate(lines, 1)]
    if digest.lines > len(lines):
        parts.append(_("其余见 %(link)s") % {"link": f"{settings.SITE_URL}{notice.link}"})
    return "\n\n".join([*parts, _stops(lines, language), _choices()])


def _line(number: int, line: showing.Line, language: str) -> str:
    rows = [f"{number}. [{line.reason_label}] {_title(line.item, language)}"]
    if line.is_pair:
        other = line.achievement if line.item is line.need else line.need
        rows.append(_("对应：%(title)s") % {"title": _title(other, language)})
    rows.append(_("因为：%(why)s") % {"why": _("；").join(showing.because_text(one, language) for one in line.because)})
    if line.score is not None:
        matched = [f"{stone} {points}/{weight}" for stone, points, weight in line.matched]
        rows.append(" · ".join([_("匹配 %(score)s 分") % {"score": line.score}, *matched]))
    rows.append(f"{settings.SITE_URL}{line.link}")
    return "\n".join(rows)


def _title(item: Any, language: str) -> str:
    titles = {text.lang: text.title for text in item.texts.all()}
    return str(titles.get(language) or next(iter(titles.values()), item.code))


def _stops(lines: list[showing.Line], language: str) -> str:
    """One link for each watch of this mail."""
    watches = {seen.watch.code: seen for line in lines for seen in line.because}
    return "\n".join(
        _("停止这项关注：%(why)s\n%(link)s")
        % {"why": showing.because_text(seen, language), "link": stopping.link(code)}
        for code, seen in watches.items()
    )


def _choices() -> str:
    return _("分数、频率和个性化推荐的开关：%(link)s") % {"link": f"{settings.SITE_URL}/me/alerts"}
