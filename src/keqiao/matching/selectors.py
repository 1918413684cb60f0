"""Stored matches, as this actor may see them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Func, JSONField, Max, Prefetch, Q, QuerySet, Sum, Value

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import Shown
from keqiao.kernel import clock, site
from keqiao.kernel.errors import NotFound
from keqiao.kernel.pages import counted
from keqiao.kernel.parameters import parameter
from keqiao.kernel.picking import is_any_of
from keqiao.matching import combining, tallies, weighing
from keqiao.matching.combining import Conflict
from keqiao.matching.models import Computation, Match, PairsRun, PairsShard, Study
from keqiao.matching.stones import arch_from_json
from keqiao.matching.types import Arch, Reach, RunState, Stone
from keqiao.parties.types import Actor

ORDER = ("has_unmet", "-score")
UNKNOWN_FIT = 0.5


@dataclass(frozen=True)
class MatchSeen:
    """A stored match with its two sides and the arch."""

    need: Any
    achievement: Any
    score: int
    has_unmet: bool
    arch: Arch
    computed_at: datetime
    version: str = ""  # what computed it


def matches_visible_to(actor: Actor) -> QuerySet[Match]:
    """Both sides must be visible."""
    return Match.objects.filter(
        need__in=catalogue.needs_visible_to(actor), achievement__in=catalogue.achievements_visible_to(actor)
    )


def matches_of_owners(organisation_ids: Iterable[int], *, only: Q, actor: Actor) -> QuerySet[Match]:
    """Of the needs and achievements of these organisations, only such. Asked for each kind by itself: with OR over two
    tables the database would look at every match.
    """
    homes = list(organisation_ids)
    of_needs = Match.objects.filter(only, need__publisher_id__in=homes).values("pk")
    of_achievements = Match.objects.filter(only, achievement__owner_id__in=homes).values("pk")
    return matches_visible_to(actor).filter(is_any_of(of_needs.union(of_achievements)))


def matches_of_need(
    need: Any, *, actor: Actor, first: int = 0, count: int = 20, without: Collection[int] = ()
) -> list[MatchSeen]:
    """Those without an unmet hard requirement first, then by score. `without`: ids of achievements to leave out."""
    rows = matches_visible_to(actor).filter(need=need).exclude(achievement__in=without)
    rows = rows.order_by(*ORDER, "achievement")
    return list(_seen(_with_sides(rows[first : first + count])))


def matches_of_achievement(
    achievement: Any, *, actor: Actor, first: int = 0, count: int = 20, without: Collection[int] = ()
) -> list[MatchSeen]:
    """`without`: ids of needs to leave out."""
    rows = matches_visible_to(actor).filter(achievement=achievement).exclude(need__in=without)
    rows = rows.order_by(*ORDER, "need")
    return list(_seen(_with_sides(rows[first : first + count])))


def count_matches_of_need(need: Any, *, actor: Actor, without: Collection[int] = ()) -> tuple[int, int]:
    """How many matches there are, and how many of them have an unmet hard requirement."""
    return _counts(matches_visible_to(actor).filter(need=need).exclude(achievement__in=without))


def count_matches_of_achievement(achievement: Any, *, actor: Actor, without: Collection[int] = ()) -> tuple[int, int]:
    return _counts(matches_visible_to(actor).filter(achievement=achievement).exclude(need__in=without))


def get_match(need_code: str, achievement_code: str, *, actor: Actor) -> MatchSeen:
    rows = _with_sides(matches_visible_to(actor).filter(need__code=need_code, achievement__code=achievement_code))
    for seen in _seen(rows):
        return seen
    raise NotFound


def matches_of_pair_codes(need: Any, codes: Sequence[str], *, actor: Actor) -> list[MatchSeen]:
    """The stored matches of a need with these achievements, in the order of `codes`; one that is missing is not found."""
    rows = matches_visible_to(actor).filter(need=need, achievement__code__in=codes)
    found = {seen.achievement.code: seen for seen in _seen(_with_sides(rows))}
    if len(found) < len(set(codes)):
        raise NotFound
    return [found[code] for code in dict.fromkeys(codes)]


@dataclass(frozen=True)
class RelaxationSeen:
    """One condition of a need at one laxer value. `count`: matches that it would bring above the line."""

    row: int | None  # of the need's indicators; None: the maturity
    target: Decimal | None  # None: the must becomes a wish
    high: Decimal | None
    count: int


@dataclass(frozen=True)
class CombinationSeen:
    """Achievements that fill the arch together, with the reasons."""

    need: Any
    achievements: tuple[Any, ...]
    arch: Arch
    conflicts: tuple[Conflict, ...]
    computed_at: datetime


def relaxations_of(need: Any, *, actor: Actor, without: Collection[int] = ()) -> list[RelaxationSeen]:
    """What would change the matches of a need: counts only of what the actor may see. `without`: ids left out."""
    if not (actor.works_for(need.publisher_id) or actor.is_operator):
        return []  # it is for those who can relax a condition
    study = Study.objects.filter(need=need).first()
    steps = study.relaxations if study else []
    ids = {pk for step in steps for pk in step["brings"]} - set(without)
    seen = (
        set(catalogue.achievements_visible_to(actor).filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    )
    found = []
    for step in steps:
        target, high = (Decimal(step[name]) if step[name] is not None else None for name in ("target", "high"))
        found.append(RelaxationSeen(step["row"], target, high, len(seen.intersection(step["brings"]))))
    return [step for step in found if step.count]


def combinations_of(need: Any, *, actor: Actor, without: Collection[int] = ()) -> list[CombinationSeen]:
    """The best first; one of whose parts is hidden from the actor, or called unsuitable, is left out."""
    study = Study.objects.filter(need=need).exclude(combinations=[]).first()
    if study is None:
        return []
    ids = {pk for row in study.combinations for pk in row["parts"]} - set(without)
    visible = catalogue.achievements_visible_to(actor).filter(pk__in=ids)
    parts = {row.pk: row for row in visible.select_related("owner").prefetch_related("texts", "assets", "indicators")}
    shown = [row for row in study.combinations if all(pk in parts for pk in row["parts"])]
    return [_combination(need, study, row, tuple(parts[pk] for pk in row["parts"])) for row in shown]


def _combination(need: Any, study: Study, row: Any, parts: tuple[Any, ...]) -> CombinationSeen:
    one = combining.from_json(row, [part.code for part in parts])
    return CombinationSeen(need, parts, one.arch, one.conflicts, study.at)


def get_combination(
    need: Any, codes: Collection[str], *, actor: Actor, without: Collection[int] = ()
) -> CombinationSeen:
    for one in combinations_of(need, actor=actor, without=without):
        if {part.code for part in one.achievements} == set(codes):
            return one
    raise NotFound


def best_bridges(*, actor: Actor, count: int = 5) -> list[MatchSeen]:
    """The best matches of distinct needs and achievements, for the home page."""
    rows = (
        matches_visible_to(actor)
        .filter(has_unmet=False)
        .order_by("-score", "id")
        .values_list("pk", "need_id", "achievement_id")
    )
    taken: set[tuple[str, int]] = set()
    chosen: list[int] = []
    for pk, need_id, achievement_id in rows[: count * 40]:
        ends = {("need", need_id), ("achievement", achievement_id)}
        if not ends & taken:
            taken |= ends
            chosen.append(pk)
        if len(chosen) == count:
            break
    return list(_seen(_with_sides(Match.objects.filter(pk__in=chosen).order_by("-score", "id"))))


def matched_needs(needs: Iterable[Any], *, actor: Actor) -> set[int]:
    """Ids of those needs that an achievement of the actor's organisations matches well enough to learn the publisher."""
    return matched_among([need.pk for need in needs if need.publisher_shown == Shown.MATCHED], actor=actor)


def matched_among(need_ids: Sequence[int], *, actor: Actor) -> set[int]:
    """Those that an achievement of the actor's organisations matches well enough to be told what is for such teams."""
    if not need_ids or not actor.organisation_ids:
        return set()
    least = parameter("matching.publisher_shown_from", on=clock.today())
    rows = Match.objects.filter(
        need__in=need_ids, has_unmet=False, score__gte=least, achievement__owner_id__in=actor.organisation_ids
    )
    return set(rows.values_list("need_id", flat=True))


def is_matched(need: Any, *, actor: Actor) -> bool:
    return need.pk in matched_needs([need], actor=actor)


@dataclass(frozen=True)
class Fits:
    """A stored match by ids, with how well each stone fits: what other weights would make of it can be worked out."""

    need_id: int
    achievement_id: int
    score: int
    has_unmet: bool
    version: str  # what computed it
    fits: tuple[float, ...]  # in the order of Stone; a stone that was not computed counts as unknown


def fits_of(arch: Arch) -> tuple[float, ...]:
    found = {result.stone: result.fit for result in arch.stones}
    return tuple(found.get(stone, UNKNOWN_FIT) for stone in Stone)


def fits_of_needs(need_ids: Collection[int]) -> list[Fits]:
    """The stored matches of public needs with public achievements, in the order of their lists. For jobs."""
    rows = Match.objects.filter(need__in=catalogue.published_ids("need").filter(pk__in=need_ids))
    rows = rows.filter(achievement__in=catalogue.published_ids("achievement"))
    return _fits(rows.order_by("need_id", *ORDER, "achievement_id"))


def fits_of_pair(need_id: int, achievement_id: int) -> Fits | None:
    """The stored match of two ids, for jobs."""
    return next(iter(_fits(Match.objects.filter(need_id=need_id, achievement_id=achievement_id))), None)


def _fits(rows: QuerySet[Match]) -> list[Fits]:
    found = rows.annotate(names=_path("$.stones[*].stone"), stone_fits=_path("$.stones[*].fit"))
    columns = ("need_id", "achievement_id", "score", "has_unmet", "version", "names", "stone_fits")
    return [
        Fits(need, achievement, score, unmet, version, _in_order(dict(zip(names, fits, strict=True))))
        for need, achievement, score, unmet, version, names, fits in found.values_list(*columns)
    ]


def _path(path: str) -> Func:
    """The numbers alone: an arch with its findings is a hundred times as long."""
    return Func(
        F("arch"),
        Value(path),
        function="jsonb_path_query_array",
        output_field=JSONField(),
        template="%(function)s(%(expressions)s::jsonpath)",
    )


def _in_order(found: dict[str, float]) -> tuple[float, ...]:
    return tuple(found.get(stone, UNKNOWN_FIT) for stone in Stone)


def points_in_force() -> weighing.Points:
    """Of the stones, now."""
    return weighing.in_force()


def points_that_ship() -> weighing.Points:
    """Of the rule pack in force today."""
    return weighing.shipped()


def count_stale_needs() -> int:
    """Public needs whose matches were computed with other points than those in force; jobs compute them anew."""
    from keqiao.matching.scoring import weights_version

    done = Computation.objects.filter(version__startswith=f"{weights_version(weighing.in_force())}/").values("need_id")
    return catalogue.published_ids("need").exclude(pk__in=done).count()


def latest_computation() -> datetime | None:
    return Match.objects.order_by("-pk").values_list("computed_at", flat=True).first()


def count_pairs_from(score: int) -> int:
    """How many stored pairs without an unmet hard requirement reach the score."""
    return counted(Match.objects.filter(has_unmet=False, score__gte=score))


def similar_achievements(code: str, *, actor: Actor, count: int = 5) -> list[Any]:
    """Achievements whose text is near to this one's."""
    from keqiao.matching import indexing

    return catalogue.achievements_by_code(indexing.similar("achievement", code, count), actor=actor)


def similar_needs(code: str, *, actor: Actor, count: int = 5) -> list[Any]:
    from keqiao.matching import indexing

    return catalogue.needs_by_code(indexing.similar("need", code, count), actor=actor)


def same_items(item: Any, *, actor: Actor, count: int = 3) -> list[Any]:
    """Other public items that say the same as this one, each with the share of its wording: for its own people."""
    from keqiao.matching import drafts

    kind = "need" if hasattr(item, "publisher_id") else "achievement"
    reach = Reach.PUBLIC if item.state == "published" else Reach.PRIVATE
    texts = drafts.texts_of(kind, item)
    return list(drafts.same_as_texts(kind, texts, actor=actor, but=item.code, count=count, reach=reach))


def _counts(rows: QuerySet[Match]) -> tuple[int, int]:
    unmet = list(rows.order_by().values_list("has_unmet", flat=True))
    return len(unmet), sum(unmet)


def _with_sides(rows: QuerySet[Match]) -> QuerySet[Match]:
    return rows.select_related("need", "need__publisher", "achievement", "achievement__owner").prefetch_related(
        Prefetch("need__texts"), Prefetch("achievement__texts"), Prefetch("achievement__assets")
    )


def _seen(rows: Iterable[Match]) -> Iterator[MatchSeen]:
    for row in rows:
        yield MatchSeen(
            row.need, row.achievement, row.score, row.has_unmet, arch_from_json(row.arch), row.computed_at, row.version
        )


def open_counts_by_field() -> dict[str, tuple[int, int]]:
    """Field → (needs, achievements) in public view; of long lists as counted ahead."""
    needs, achievements = tallies.of("need"), tallies.of("achievement")
    if needs is None or achievements is None:
        return catalogue.open_counts_by_field()
    by_need, by_achievement = needs.facets["field"], achievements.facets["field"]
    return {field: (by_need.get(field, 0), by_achievement.get(field, 0)) for field in {*by_need, *by_achievement}}


def length_counted_ahead(kind: str) -> int | None:
    """Of a long public list, as the job counted it some minutes ago; None for one that is counted when asked for."""
    ahead = tallies.of(kind)
    return ahead.total if ahead else None


# --- all pairs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairsProgress:
    """A run of every need against every achievement, and how far it is."""

    code: str
    state: RunState
    needs: int
    done: int  # needs whose matches are kept
    shards: int
    shards_done: int
    kept: int  # matches
    changed: int  # needs whose matches are others than before
    begun_at: datetime
    ended_at: datetime | None
    last_at: datetime | None  # that a shard was kept
    failing: int  # shards that were tried in vain and are not done
    faults: int  # how often that was, in a row
    fault: str  # the last one: its kind and the line it came up in
    fault_at: datetime | None

    @property
    def is_running(self) -> bool:
        return self.state == RunState.RUNNING

    @property
    def percent(self) -> int:
        return 100 * self.shards_done // self.shards if self.shards else 100


PAIRS_WINDOW = timedelta(hours=6)  # after the time of night: a site switched on later waits for the next night


def pairs_runs_visible_to(actor: Actor) -> QuerySet[PairsRun]:
    """To operators, the latest first."""
    rows = PairsRun.objects.order_by("-begun_at")
    return rows if actor.is_operator else rows.none()


def get_pairs_run(code: str, *, actor: Actor) -> PairsProgress:
    found = pairs_progress(pairs_runs_visible_to(actor).filter(code=code))
    if not found:
        raise NotFound
    return found[0]


def pairs_progress(runs: Iterable[PairsRun]) -> list[PairsProgress]:
    runs, is_done = list(runs), Q(done_at__isnull=False)
    counts = {
        "of": Count("pk"), "is_done": Count("pk", filter=is_done), "done": Sum("needs", filter=is_done, default=0),
        "all_kept": Sum("kept", default=0), "all_changed": Sum("changed", default=0), "last": Max("done_at"),
        "failing": Count("pk", filter=~is_done & Q(faults__gt=0)), "tries": Sum("faults", filter=~is_done, default=0),
    }  # fmt: skip
    rows = PairsShard.objects.filter(run__in=[run.pk for run in runs]).values_list("run").annotate(**counts)
    found = {row[0]: row[1:] for row in rows}
    return [_progress(run, found.get(run.pk, (0, 0, 0, 0, 0, None, 0, 0))) for run in runs]


def last_pairs_run() -> PairsProgress | None:
    return next(iter(pairs_progress(PairsRun.objects.order_by("-begun_at")[:1])), None)


def pairs_under_way() -> PairsProgress | None:
    return next(iter(pairs_progress(PairsRun.objects.filter(state=RunState.RUNNING))), None)


def _progress(run: PairsRun, counts: Sequence[Any]) -> PairsProgress:
    of, is_done, done, kept, changed, last_at, failing, tries = counts
    return PairsProgress(
        run.code, RunState(run.state), run.needs, done, of, is_done, kept, changed, run.begun_at, run.ended_at, last_at,
        failing, run.faults + tries, run.fault, run.fault_at,
    )  # fmt: skip


def all_pairs_are_due(at: str) -> bool:
    """Is it the time of night (as 02:30 in the site's zone), and did no run begin since? Without a time never."""
    if not at:
        return False
    now = clock.now().astimezone(site.zone())
    due = datetime.combine(now.date(), time.fromisoformat(at), now.tzinfo)
    due = due if due <= now else due - timedelta(days=1)
    return now - due < PAIRS_WINDOW and not PairsRun.objects.filter(begun_at__gte=due).exists()
