"""Alerts as their reader sees them: what, why it is shown, how many points, what matched. Decided anew at each reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.alerts import selectors
from keqiao.alerts.models import Alert, Watch
from keqiao.alerts.types import Reason, Scheme, Subject
from keqiao.alerts.visibility import shows
from keqiao.catalogue import selectors as catalogue
from keqiao.matching import selectors as matching
from keqiao.matching.stones import arch_from_json
from keqiao.matching.types import Arch, Stone
from keqiao.parties.types import Actor

MOST_STONES = 3
STONES: dict[Stone, str | Promise] = {
    Stone.TECHNOLOGY: gettext_lazy("技术领域"),
    Stone.INDICATORS: gettext_lazy("关键指标"),
    Stone.MATURITY: gettext_lazy("成熟度"),
    Stone.MODES: gettext_lazy("合作方式"),
    Stone.PRICE: gettext_lazy("价格"),
    Stone.REGION: gettext_lazy("地区"),
}


@dataclass(frozen=True)
class WatchSeen:
    """A watch with the name of what it watches, in both languages where it has them."""

    watch: Watch
    name_zh: str
    name_en: str
    link: str

    def __str__(self) -> str:
        return self.name_zh or self.name_en


@dataclass(frozen=True)
class Line:
    """One thing that is told. `matched`: the stones that brought most points."""

    need: Any
    achievement: Any
    item: Any  # what is new to the reader
    reason: str
    reason_label: str
    score: int | None
    link: str
    because: tuple[WatchSeen, ...]
    matched: tuple[tuple[str, int, int], ...]  # stone, points, of how many
    arch: Arch | None
    told_at: Any

    @property
    def is_pair(self) -> bool:
        return self.need is not None and self.achievement is not None

    @property
    def kind(self) -> str:
        return "need" if self.item is self.need else "achievement"


def watches_seen(rows: Sequence[Watch]) -> list[WatchSeen]:
    """Named all at once. What became hidden meanwhile is named by its code alone."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.subject == Subject.CLASS:
            wanted[row.scheme].add(row.class_code)
    titles = {scheme: catalogue.codes_of(scheme, codes) for scheme, codes in wanted.items()}
    return [_watch_seen(row, titles) for row in rows]


def _watch_seen(row: Watch, titles: dict[str, dict[str, Any]]) -> WatchSeen:
    if row.item is not None:
        names = _titles_of(row.item) if row.item.state in catalogue.PUBLIC_STATES else {}
        place = "needs" if row.need_id else "achievements"
        zh, en = names.get("zh", ""), names.get("en", "")
        return WatchSeen(row, zh or ("" if en else row.item.code), en, f"/{place}/{row.item.code}")
    if row.organisation is not None:
        name = row.organisation
        return WatchSeen(row, name.name_zh, name.name_en, f"/organisations/{name.code}")
    if row.search is not None:
        return WatchSeen(row, row.search.name, "", f"/me/searches/{row.search.pk}")
    if row.subject == Subject.CLASS:
        entry = titles.get(row.scheme, {}).get(row.class_code)
        zh, en = (entry.title_zh, entry.title_en) if entry else ("", "")
        shown = "" if row.scheme == Scheme.FIELD else f"{row.class_code} "
        link = f"/search?field={row.class_code}" if row.scheme == Scheme.FIELD else ""
        return WatchSeen(row, f"{shown}{zh or en or row.class_code}", f"{shown}{en}" if en else "", link)
    home = row.home
    return WatchSeen(row, home.name_zh if home else "", home.name_en if home else "", "/me")


def _titles_of(item: Any) -> dict[str, str]:
    return {text.lang: text.title for text in item.texts.all()}


def lines_of(alerts: Sequence[Alert], *, actor: Actor) -> list[Line]:
    """Those that may still be shown, in the order given. A page of them costs the same queries as one."""
    shown = [row for row in alerts if shows(row)]
    also: dict[Any, list[Watch]] = defaultdict(list)
    for row in selectors.also_of(shown) if shown else []:
        also[row.digest_id, row.cause].append(row.watch)
    watches = {row.watch.pk: row.watch for row in shown} | {w.pk: w for rows in also.values() for w in rows}
    named = {seen.watch.pk: seen for seen in watches_seen(list(watches.values()))}
    arches = _arches(shown, actor)
    return [
        _line(row, tuple(named[w.pk] for w in (row.watch, *also[row.digest_id, row.cause])), arches.get(_pair(row)))
        for row in shown
    ]


def _pair(row: Alert) -> tuple[int | None, int | None]:
    return row.need_id, row.achievement_id


def _arches(rows: Sequence[Alert], actor: Actor) -> dict[tuple[int | None, int | None], Arch]:
    """The stored matches as they are now; a pair that no longer matches has no reasons to show."""
    pairs = {_pair(row) for row in rows if row.need_id and row.achievement_id}
    if not pairs:
        return {}
    found = matching.matches_visible_to(actor).filter(
        Q(need_id__in={need for need, _a in pairs}), achievement_id__in={a for _n, a in pairs}
    )
    return {
        (need_id, achievement_id): arch_from_json(arch)
        for need_id, achievement_id, arch in found.values_list("need_id", "achievement_id", "arch")
        if (need_id, achievement_id) in pairs
    }


def _line(row: Alert, because: tuple[WatchSeen, ...], arch: Arch | None) -> Line:
    need: Any = row.need
    achievement: Any = row.achievement
    if need is not None and achievement is not None:
        link = f"/needs/{need.code}/matches/{achievement.code}" if arch else f"/needs/{need.code}"
        item = _news(row, need, achievement)
    else:
        item = need or achievement
        link = f"/{'needs' if need is not None else 'achievements'}/{item.code}"
    return Line(
        need,
        achievement,
        item,
        row.reason,
        str(Reason(row.reason).label),
        row.score,
        link,
        because,
        _matched(arch),
        arch,
        row.digest.made_at if row.digest else None,
    )


def _news(row: Alert, need: Any, achievement: Any) -> Any:
    """Of a pair, the side that is not the watcher's own."""
    watch = row.watch
    if watch.subject == Subject.NEED or (watch.subject == Subject.OWN and need.publisher_id == watch.home_id):
        return achievement
    return need


def _matched(arch: Arch | None) -> tuple[tuple[str, int, int], ...]:
    if arch is None:
        return ()
    best = sorted((stone for stone in arch.stones if stone.points), key=lambda stone: -stone.points)[:MOST_STONES]
    return tuple((str(STONES[stone.stone]), stone.points, stone.weight) for stone in best)


def because_text(seen: WatchSeen, language: str) -> str:
    """Why a line is shown, in one sentence."""
    name = (seen.name_en or seen.name_zh) if language == "en" else (seen.name_zh or seen.name_en)
    if seen.watch.subject == Subject.OWN:
        if seen.watch.is_chosen:
            return _("您关注本单位（%(name)s）条目的匹配") % {"name": name}
        return _("平台按您单位（%(name)s）公开的条目推荐") % {"name": name}
    if seen.watch.subject == Subject.ORGANISATION:
        return _("您关注单位“%(name)s”") % {"name": name}
    if seen.watch.subject == Subject.CLASS:
        return _("您关注领域“%(name)s”") % {"name": name}
    if seen.watch.subject == Subject.SEARCH:
        return _("您保存的检索“%(name)s”") % {"name": name}
    return _("您关注“%(name)s”") % {"name": name}
