"""Every need against every achievement: the same matches as one need after the other, whatever happens on the way."""

import errno
import random
import re
from datetime import timedelta

import numpy as np
import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from keqiao.catalogue.models import Achievement, Need
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import clock, site
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.kernel.models import Event, Notice
from keqiao.matching import index_state, indexing, scoring, selectors, services, stale, tasks
from keqiao.matching.all_pairs import driving, library, runners, shards
from keqiao.matching.all_pairs.library import Best
from keqiao.matching.all_pairs.runners import Here, WorkersLost
from keqiao.matching.engine import Batch
from keqiao.matching.models import Computation, Match, PairsRun, PairsShard
from keqiao.matching.tests.factories import forget_everything, load_rules, make_match
from keqiao.matching.types import IndexNotReady, RunState
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator
from keqiao.runtime.environment import BadSetting

pytestmark = pytest.mark.django_db
system = parties.system()

THINGS = (
    "纳滤膜",
    "陶瓷膜",
    "风电轴承",
    "锂电池正极",
    "气凝胶",
    "光刻胶",
    "水稻育种",
    "激光焊接",
    "质子交换膜",
    "碳纤维",
)
WORK = ("的连续制备", "寿命预测", "失效分析与诊断", "在酸性浸出液中的稳定性", "低成本规模化涂覆", "高通量筛选方法")


@pytest.fixture
def city(settings, tmp_path, monkeypatch):
    """Thirty achievements and seven needs, indexed; parts and shards small, so that there are several of each."""
    settings.DATA_DIR = tmp_path
    forget_everything()
    shards.forget()
    load_rules()
    monkeypatch.setattr(library, "DOCUMENTS_A_PART", 12)
    monkeypatch.setattr(library, "NEEDS_AT_ONCE", 2)
    drawn = random.Random(7)
    for n in range(30):
        thing, other, work = THINGS[n % 10], drawn.choice(THINGS), drawn.choice(WORK)
        make_achievement(title=f"{thing}{work}", summary=f"{thing}{work}，用于{other}。" * drawn.randint(1, 3), trl=6)
    for n in range(7):
        make_need(
            title=f"{THINGS[n]}{WORK[n % 6]}", problem=f"现用{THINGS[n]}三个月失效，需要{WORK[n % 6]}。", trl_min=5
        )
    indexing.rebuild(lambda text: None)
    yield
    forget_everything()
    shards.forget()


def begin(needs_a_shard=3):
    return services.begin_all_pairs(actor=system, needs_a_shard=needs_a_shard)


def rows():
    return list(
        Match.objects.order_by("need_id", "achievement_id").values_list(
            "need_id", "achievement_id", "score", "has_unmet", "arch", "version"
        )
    )


def one_by_one():
    Match.objects.all().delete()
    for pk in Need.objects.filter(state="published").values_list("pk", flat=True):
        services.compute_matches(actor=system, kind="need", item_id=pk)
    return rows()


def test_all_at_once_is_the_same_as_one_by_one(city, monkeypatch):
    monkeypatch.setattr(scoring, "CANDIDATES", 12)  # so that who is near decides
    expected = one_by_one()
    Match.objects.all().delete()
    told = []
    code = begin()
    assert driving.drive(Here(), tell=lambda done, total: told.append((done, total)))
    assert rows() == expected
    assert len(expected) > 20
    assert told == [(0, 7), (3, 7), (6, 7), (7, 7)]
    (found,) = selectors.pairs_progress([PairsRun.objects.get(code=code)])
    assert (found.state, found.done, found.shards_done, found.kept, found.changed) == ("done", 7, 3, len(expected), 7)
    assert stale.needs_to_compute() == []
    assert not shards.folder(code).exists()


def test_the_nearest_by_matrices_are_those_of_the_search(city, tmp_path):
    retriever = indexing.retriever("achievement")
    library.write(tmp_path / "x", retriever.engine.every(retriever.index_name), index_state.serving(), clock.now())
    made = library.Library(tmp_path / "x")
    texts = [f"{thing}{work}" for thing in THINGS[:5] for work in WORK[:3]] + ["", "nothing known"]
    asked = [retriever.asked(text) for text in texts]
    found = made.nearest(asked, retriever.idf_of, depth=200, k=100)
    for text, codes in zip(texts, found, strict=True):
        assert codes == [hit.code for hit in retriever.candidates(text, None, 100)]


@pytest.mark.slow
def test_again_writes_nothing_and_tells_nobody(city):
    begin()
    driving.drive(Here())
    before, at = rows(), set(Match.objects.values_list("pk", "computed_at"))
    told = Event.objects.filter(name="matching.matches_computed").count()
    begin()
    driving.drive(Here())
    assert rows() == before
    assert set(Match.objects.values_list("pk", "computed_at")) == at
    assert Event.objects.filter(name="matching.matches_computed").count() == told
    assert told == 3  # one for each shard of the first run


class Dying(Here):
    """Those who compute die after so many shards: before the next is begun, or after it was kept and before it said so."""

    def __init__(self, after, *, keeps):
        self.after, self.keeps = after, keeps

    def each(self, codes):
        for n, code in enumerate(codes):
            if n == self.after:
                if self.keeps:
                    shards.compute(code)
                raise KeyboardInterrupt
            yield shards.compute(code)


@pytest.mark.slow
@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_what_was_killed_goes_on_where_it_was(city, after, keeps):
    expected = one_by_one()
    Match.objects.all().delete()
    code = begin()
    with pytest.raises(KeyboardInterrupt):
        driving.drive(Dying(after, keeps=keeps))
    assert PairsShard.objects.exclude(done_at=None).count() == after + keeps
    assert begin() == code  # still the same run
    assert driving.drive(Here())
    assert rows() == expected
    assert Event.objects.filter(name="matching.matches_computed").count() == 3


@pytest.mark.slow
def test_a_library_that_was_not_written_whole_is_written_anew(city):
    code = begin()
    (shards.folder(code) / "00000").mkdir(parents=True)
    (shards.folder("QP-OLD") / "00000").mkdir(parents=True)
    driving.drive(Here())
    assert PairsRun.objects.get(code=code).state == RunState.DONE
    assert list(shards.folder("x").parent.iterdir()) == [shards.folder("x").parent / "lock"]


class Meanwhile(Here):
    """Something happens between the stones and the storing of every shard."""

    def __init__(self, monkeypatch, happens):
        keep = services.keep_pairs
        monkeypatch.setattr(services, "keep_pairs", lambda **given: (happens(), keep(**given))[1])


def test_what_is_withdrawn_meanwhile_does_not_come_in(city, monkeypatch):
    begin()
    gone = list(Achievement.objects.order_by("pk")[:15])

    def withdraw():
        Achievement.objects.filter(pk__in=[item.pk for item in gone]).update(state="withdrawn")

    driving.drive(Meanwhile(monkeypatch, withdraw))
    assert Match.objects.count() > 0
    assert not Match.objects.filter(achievement__in=gone).exists()


def test_a_need_that_is_rewritten_or_withdrawn_meanwhile_is_left_to_its_own_job(city, monkeypatch):
    begin()
    first, second, third = Need.objects.order_by("pk")[:3]

    def change():
        Need.objects.filter(pk=first.pk).update(state="withdrawn")
        Need.objects.filter(pk=second.pk).update(revision=second.revision + 1)

    driving.drive(Meanwhile(monkeypatch, change))
    assert not Match.objects.filter(need__in=[first, second]).exists()
    assert Match.objects.filter(need=third).exists()
    assert set(stale.needs_to_compute()) == {second.pk}


@pytest.mark.slow
def test_what_a_job_computed_meanwhile_is_newer(city, monkeypatch):
    """An achievement that the library does not know brought its match; a need was computed whole."""
    begin()
    first, second = Need.objects.order_by("pk")[:2]
    brought = make_achievement(title="后来的成果")
    seen = []

    def compute():
        if not seen:
            make_match(first, brought, 77, computed_at=clock.now())
            Match.objects.filter(achievement=brought).update(version=scoring.version())
            services.compute_matches(actor=system, kind="need", item_id=second.pk)
            Match.objects.filter(need=second).update(score=1)
            seen.append(True)

    driving.drive(Meanwhile(monkeypatch, compute))
    assert Match.objects.get(need=first, achievement=brought).score == 77
    assert Match.objects.filter(need=first).count() > 1
    assert set(Match.objects.filter(need=second).values_list("score", flat=True)) == {1}


@pytest.mark.slow
def test_old_matches_that_are_none_any_more_go(city):
    need = Need.objects.order_by("pk")[0]
    poor = make_achievement(title="毫不相干的东西")
    make_match(need, poor, 99, computed_at=clock.now() - timedelta(days=1))
    begin()
    driving.drive(Here())
    assert not Match.objects.filter(achievement=poor).exists()


@pytest.mark.slow
def test_when_weights_change_on_the_way_everything_is_computed_by_the_new_ones(city, monkeypatch):
    code = begin()
    points = {"technology": 20, "indicators": 40, "maturity": 15, "modes": 10, "price": 10, "region": 5}
    seen = []

    def change():
        if len(seen) == 1:
            services.change_weights(actor=make_operator(), points=points, label="新")
        seen.append(True)

    driving.drive(Meanwhile(monkeypatch, change))
    scoring.forget_weights()
    assert PairsRun.objects.get(code=code).version == scoring.version()
    assert set(Match.objects.values_list("version", flat=True)) == {scoring.version()}
    assert rows() == one_by_one()


@pytest.mark.slow
def test_when_the_index_is_made_anew_on_the_way_the_library_is_too(city, monkeypatch):
    code = begin()
    seen = []

    def rebuild():
        if not seen:
            seen.append(indexing.rebuild(lambda text: None))

    driving.drive(Meanwhile(monkeypatch, rebuild))
    assert seen == [2]
    assert PairsRun.objects.get(code=code).state == RunState.DONE
    assert rows() == one_by_one()


class Secret(Exception):
    """Its message quotes what nobody else may read."""


def failing(monkeypatch, which, times):
    """The stones of these shards, by their place, fail so often."""
    codes = list(PairsShard.objects.order_by("first_need_id").values_list("code", flat=True))
    left = {codes[place]: times for place in which}
    compute = shards._compute

    def tried(shard):
        if left.get(shard.code):
            left[shard.code] -= 1
            raise Secret("甲公司的绝密配方")
        compute(shard)

    monkeypatch.setattr(shards, "_compute", tried)


def progress():
    return selectors.pairs_progress(PairsRun.objects.all())[0]


def test_a_shard_that_fails_says_so_is_tried_again_and_the_others_go_on(city, monkeypatch):
    expected = one_by_one()
    Match.objects.all().delete()
    begin()
    failing(monkeypatch, [0], 2)
    assert driving.drive(Here(), seconds=60) is False
    found = progress()
    assert (found.state, found.shards_done, found.failing, found.faults) == ("running", 2, 1, 1)
    assert found.fault.startswith("Secret · matching/tests/test_all_pairs.py:")
    assert found.fault_at is not None
    assert not driving.has_untried()  # the worker waits for its next round
    warned = []
    monkeypatch.setattr(driving, "PAUSE", 0)
    assert driving.drive(Here(), warn=lambda *told: warned.append(told))
    assert warned == [(1, found.fault)]
    assert (progress().state, progress().failing) == ("done", 0)
    assert rows() == expected


def test_a_shard_that_fails_each_time_ends_the_run_and_operators_are_told(city, monkeypatch, caplog):
    operator = make_operator()
    code = begin()
    failing(monkeypatch, [1], 99)
    monkeypatch.setattr(driving, "PAUSE", 0)
    assert driving.drive(Here())
    found = progress()
    assert (found.state, found.shards_done, found.failing, found.faults) == ("failed", 2, 1, 3)
    assert Match.objects.exists()
    assert Event.objects.get(name="matching.pairs_run_failed").data == {}
    (notice,) = Notice.objects.filter(person_id=operator.person_id)
    assert (notice.kind, notice.link) == ("matching.pairs_run_failed", "/admin/all-pairs")
    assert "绝密" not in f"{found}{notice.title_zh}{notice.title_en}"
    assert not shards.folder(code).exists()
    assert begin() != code


@pytest.mark.slow
def test_a_run_that_never_gets_to_its_shards_ends_after_some_tries(city, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/甲公司")

    begin()
    monkeypatch.setattr(library, "write", full)
    for tries in range(1, services.MOST_RUN_FAULTS + 1):
        with pytest.raises(OSError, match="No space"):
            driving.drive(Here(), seconds=60)
        assert (progress().faults, progress().failing) == (tries, 0)
    assert progress().state == "failed"
    assert re.fullmatch(r"OSError ENOSPC · matching/tests/test_all_pairs.py:\d+", progress().fault)
    assert driving.drive(Here()) is True  # nothing is under way


@pytest.mark.slow
def test_a_shard_that_is_kept_forgets_what_kept_the_run_from_it(city):
    code = begin()
    services.note_pairs_fault(actor=system, code=code, kind="OSError ENOSPC")
    with pytest.raises(NotAllowed):
        services.note_pairs_fault(actor=make_actor(), code=code, kind="x")
    driving.drive(Here())
    assert (progress().state, progress().faults, progress().fault) == ("done", 0, "OSError ENOSPC")


@pytest.mark.slow
def test_who_computes_may_die_often_but_not_for_ever(city):
    class Lost(Here):
        times = 0

        def each(self, codes):
            self.times += 1
            raise WorkersLost
            yield

    begin()
    runner = Lost()
    with pytest.raises(WorkersLost):
        driving.drive(runner)
    assert runner.times == driving.LOST_MOST + 1
    assert (progress().state, progress().fault.split(" ")[0]) == ("failed", "WorkersLost")


@pytest.mark.slow
def test_a_stopped_run_keeps_what_it_has_and_begins_no_further_shard(city, monkeypatch):
    code = begin()
    driving.drive(
        Meanwhile(monkeypatch, lambda: services.stop_pairs_run(actor=system, code=code)),
    )
    run = PairsRun.objects.get(code=code)
    assert (run.state, Match.objects.count()) == (RunState.STOPPED, 0)  # it was stopped before the first was kept
    services.stop_pairs_run(actor=system, code=code)
    assert begin() != code


@pytest.mark.slow
def test_for_some_seconds_at_a_time(city):
    code = begin()
    assert driving.drive(Here(), seconds=-1) is False
    assert PairsShard.objects.exclude(done_at=None).count() == 1
    assert shards.folder(code).exists()
    assert driving.drive(Here(), seconds=60) is True


@pytest.mark.slow
def test_two_do_not_work_at_one_run(city):
    begin()
    with driving._alone(), pytest.raises(driving.BusyElsewhere):
        driving.drive(Here())


@pytest.mark.slow
def test_a_shard_twice_is_kept_once(city):
    begin()
    driving.drive(Here(), seconds=-1)
    shard = PairsShard.objects.exclude(done_at=None).get()
    assert shards.compute(shard.code) == shard.code
    assert not services.keep_pairs(
        actor=system, shard_code=shard.code, version=scoring.version(), since=clock.now(), found=[]
    )


def test_only_operators_begin_and_stop(city):
    for actor in (parties.visitor(), make_actor()):
        with pytest.raises(NotAllowed):
            services.begin_all_pairs(actor=actor)
    code = services.begin_all_pairs(actor=make_operator())
    with pytest.raises(NotAllowed):
        services.stop_pairs_run(actor=make_actor(), code=code)
    with pytest.raises(NotFound):
        services.stop_pairs_run(actor=system, code="QP-NOTHERE")
    assert PairsRun.objects.get().state == RunState.RUNNING


def test_without_an_index_there_is_nothing_to_begin(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    forget_everything()
    with pytest.raises(IndexNotReady):
        begin()
    assert not PairsRun.objects.exists()


def test_a_need_without_words_has_no_nearest_by_words(tmp_path):
    vectors = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    batch = Batch(["a", "b", "c"], ["x y", "y", ""], vectors)
    library.write(tmp_path / "x", [batch], index_state.Serving(1, "m"), clock.now())
    made = library.Library(tmp_path / "x")
    hits = made._by_words([{"x": 3}, {}, {"z": 3}], 10)
    assert [[hit.code for hit in each] for each in hits] == [["a"], [], []]
    near = made._by_meaning([np.array([0, 2], np.float32), None], 10)
    assert [[hit.code for hit in each] for each in near] == [["b", "a"], []]


def test_the_best_over_parts_are_the_best_of_all():
    drawn = np.random.default_rng(3)
    scores = drawn.random((4, 300), dtype=np.float32)
    best = Best(4, 20)
    for part in range(6):
        best.offer(part, scores[:, part * 50 : part * 50 + 50], above=0.0)
    for row, (found, parts, places) in enumerate(best.rows()):
        expected = np.argsort(-scores[row])[:20]
        assert sorted(part * 50 + place for part, place in zip(parts, places, strict=True)) == sorted(expected)
        assert sorted(found, reverse=True) == sorted(scores[row], reverse=True)[:20]


@pytest.mark.parametrize(("at", "begun", "due"), [("", None, False), ("now", None, True), ("now", 0, False), ("now", 30, True), ("later", None, False)])  # fmt: skip
def test_each_night_once(at, begun, due):
    now = clock.now().astimezone(site.zone())
    times = {"": "", "now": now - timedelta(minutes=10), "later": now + timedelta(hours=3)}
    if begun is not None:
        at_time = clock.now() - timedelta(hours=begun)
        PairsRun.objects.create(code="QP-1", state="done", version="x", needs=0, begun_at=at_time, ended_at=at_time)
    assert selectors.all_pairs_are_due(times[at] and times[at].strftime("%H:%M")) is due


def test_the_workers_job_goes_on_with_a_run_and_begins_one_at_its_time(city, settings, monkeypatch):
    monkeypatch.setattr("keqiao.matching.all_pairs.runners.of_settings", Here)
    settings.ALL_PAIRS_AT = ""
    tasks.go_on_with_all_pairs(timestamp=0)
    assert not PairsRun.objects.exists()
    settings.ALL_PAIRS_AT = clock.now().astimezone(site.zone()).strftime("%H:%M")
    tasks.go_on_with_all_pairs(timestamp=0)
    assert PairsRun.objects.get().state == RunState.DONE
    tasks.go_on_with_all_pairs(timestamp=0)  # once a night
    assert PairsRun.objects.count() == 1
    code = begin()
    assert ProcrastinateJob.objects.filter(task_name="keqiao.matching.tasks.go_on_with_all_pairs").exists()
    tasks.go_on_with_all_pairs(timestamp=0)
    assert PairsRun.objects.get(code=code).state == RunState.DONE


def test_who_computes_is_as_the_settings_say(settings, monkeypatch):
    settings.RAY_ADDRESS, settings.ALL_PAIRS_PROCESSES = "", 3
    assert runners.of_settings().count == 3
    assert runners.of_settings(2).count == 2
    settings.RAY_ADDRESS = "local"
    assert runners.of_settings().address == "local"
    assert isinstance(runners.of_settings(2), runners.Processes)
    monkeypatch.setattr(runners, "find_spec", lambda _name: None)
    with pytest.raises(BadSetting, match=r"keqiao\[ray\]"):
        runners.of_settings()


@pytest.mark.slow
def test_needs_published_while_it_runs_are_left_to_their_own_job(city):
    begin()
    late = make_need(title="后来的需求", problem="质子交换膜寿命预测。")
    driving.drive(Here())
    assert not Computation.objects.filter(need=late).exists()
