"""The index and the stored matches, from the catalogue's events to what a page shows."""

import pickle
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import F
from procrastinate import testing
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from keqiao.catalogue import services as catalogue
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel.errors import NotAllowed
from keqiao.matching import building, index_state, indexing, scoring, search, selectors, services, stale
from keqiao.matching.engine import Eq
from keqiao.matching.models import Match
from keqiao.matching.retrieval import Retriever
from keqiao.matching.search import SearchRequest
from keqiao.matching.tests.factories import forget_everything, load_rules
from keqiao.matching.types import IndexNotReady
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation

pytestmark = pytest.mark.django_db
visitor, system = parties.visitor(), parties.system()

FLUX = {"name_zh": "纯水通量", "unit": "LMH/bar"}


@pytest.fixture
def city(settings, tmp_path):
    """Two fields, three needs, four achievements; indexed."""
    settings.DATA_DIR = tmp_path
    forget_everything()
    load_rules()
    membrane = make_achievement(
        title="耐酸纳滤膜及连续制备", summary="三嗪环分离层的耐酸纳滤膜，用于酸性浸出液提锂。", ipc=["B01D 71/56"], trl=6,
        modes=["license_exclusive"], indicators=[{**FLUX, "value": "18.2"}], field="materials",
    )  # fmt: skip
    weak = make_achievement(
        title="陶瓷纳滤膜元件", summary="管式陶瓷纳滤膜，耐酸浸出液，通量较低。", ipc=["B01D 71/02"], trl=6,
        indicators=[{**FLUX, "value": "7.2"}], field="materials",
    )  # fmt: skip
    bearing = make_achievement(
        title="轴承寿命预测", summary="声发射与振动融合的风电轴承早期故障诊断。", trl=7, field="equipment"
    )
    hidden = make_achievement(title="耐酸纳滤膜配方", summary="未公开的耐酸纳滤膜。", state="draft")
    need = make_need(
        title="耐酸纳滤膜的涂覆", problem="酸性浸出液提锂，现用纳滤膜三个月失效。", ipc=["B01D 71/56"], trl_min=6,
        modes=["license_exclusive"], indicators=[{**FLUX, "target": "15", "comparator": ">="}],
    )  # fmt: skip
    indexing.rebuild(lambda text: None)
    yield {"membrane": membrane, "weak": weak, "bearing": bearing, "hidden": hidden, "need": need}
    forget_everything()
    shutil.rmtree(tmp_path, ignore_errors=True)


def compute(need):
    return services.compute_matches(actor=system, kind="need", item_id=need.pk)


def test_matches_are_scored_and_say_why(city):
    compute(city["need"])
    seen = selectors.matches_of_need(city["need"], actor=visitor)
    assert [m.achievement.code for m in seen][:2] == [city["membrane"].code, city["weak"].code]
    assert [m.has_unmet for m in seen][:2] == [False, True]
    assert seen[0].score > 70
    evidence = next(f for s in seen[0].arch.stones for f in s.findings if s.stone == "technology")
    assert "耐酸纳滤膜" in evidence.evidence
    assert city["hidden"].pk not in {m.achievement.pk for m in seen}


def test_computing_twice_changes_nothing(city):
    def rows():
        return list(Match.objects.order_by("achievement_id").values_list("achievement_id", "score", "arch"))

    compute(city["need"])
    first = rows()
    compute(city["need"])
    assert rows() == first
    assert stale.needs_to_compute() == []


def test_both_directions_give_the_same_score(city):
    compute(city["need"])
    forward = Match.objects.get(need=city["need"], achievement=city["membrane"]).score
    services.compute_matches(actor=system, kind="achievement", item_id=city["membrane"].pk)
    assert Match.objects.get(need=city["need"], achievement=city["membrane"]).score == forward
    assert Match.objects.filter(need=city["need"]).count() >= 2


def test_what_changes_while_matches_are_computed_is_left_to_the_jobs_of_that_change(city, monkeypatch):
    """As another worker would do it between reading and writing."""
    need, membrane, weak = city["need"], city["membrane"], city["weak"]
    read = scoring.matches_of_need

    def meanwhile(*change):
        def and_then(*given):
            found = read(*given)
            monkeypatch.setattr(scoring, "matches_of_need", read)
            for step in change:
                step()
            return found

        monkeypatch.setattr(scoring, "matches_of_need", and_then)
        compute(need)
        return dict(Match.objects.filter(need=need).values_list("achievement_id", "score"))

    def rewrite(item, **fields):
        type(item).objects.filter(pk=item.pk).update(revision=F("revision") + 1, **fields)

    def its_job(kind, item):
        indexing.update(kind, [item.pk])
        services.compute_matches(actor=system, kind=kind, item_id=item.pk)

    compute(need)
    before = dict(Match.objects.filter(need=need).values_list("achievement_id", "score"))
    assert set(before) >= {membrane.pk, weak.pk}
    # Its job has run, and knows more: what it stored stays.
    after = meanwhile(lambda: rewrite(membrane, trl=2), lambda: its_job("achievement", membrane))
    assert after[membrane.pk] < before[membrane.pk]
    assert after[weak.pk] == before[weak.pk]
    # Its job has not: nothing is said of what is there no more.
    assert membrane.pk not in meanwhile(lambda: rewrite(membrane, trl=9))
    its_job("achievement", membrane)
    assert Match.objects.filter(need=need, achievement=membrane).exists()
    # Found by nobody before: the job of what is new stored it.
    new = make_achievement(
        title="耐酸纳滤膜的涂覆工艺", summary="用于酸性浸出液提锂的耐酸纳滤膜。", ipc=["B01D 71/56"], trl=8
    )
    assert new.pk in meanwhile(lambda: its_job("achievement", new))
    # The need itself is another: its own job computes it.
    stored = dict(Match.objects.filter(need=need).values_list("achievement_id", "score"))
    assert meanwhile(lambda: rewrite(need, trl_min=9)) == stored
    assert meanwhile(lambda: rewrite(need, trl_min=9), lambda: its_job("need", need)) != stored


def test_a_withdrawn_item_leaves_the_index_and_its_matches(city):
    compute(city["need"])
    catalogue.withdraw_achievement(actor=system, code=city["membrane"].code)
    indexing.update("achievement", [city["membrane"].pk])
    services.compute_matches(actor=system, kind="achievement", item_id=city["membrane"].pk)
    assert not Match.objects.filter(achievement=city["membrane"]).exists()
    found = search.search(SearchRequest(q="耐酸纳滤膜"), actor=visitor)
    assert city["membrane"].code not in {f.item.code for f in found.items}
    assert indexing.differences("achievement") == (0, 0)


def work(connector):
    """As the worker would, in this transaction: the jobs and those that they lead to. The names of those of matching."""
    done: set[int] = set()
    names = []
    while waiting := set(connector.jobs) - done:
        for number in sorted(waiting):
            job = connector.jobs[number]
            app.tasks[job["task_name"]].func(**job["args"])
            done.add(number)
            names += [job["task_name"].rpartition(".")[2]] if ".matching." in job["task_name"] else []
    return names


def publish(achievement) -> list[str]:
    """With the jobs that follow, by name."""
    connector = testing.InMemoryConnector()
    with app.replace_connector(connector):
        catalogue.publish_achievement(actor=system, code=achievement.code)
        return work(connector)


def test_publishing_reaches_the_index_through_the_outbox(city):
    """Event row → job row → index → matches: each job in this transaction, as the worker would run it."""
    code = city["hidden"].code
    assert publish(city["hidden"]) == ["update_items", "compute_matches", "keep_index_up"]
    assert code in {f.item.code for f in search.search(SearchRequest(q="耐酸纳滤膜配方"), actor=visitor).items}
    assert indexing.differences("achievement") == (0, 0)


def test_the_same_search_is_not_made_twice_until_the_index_changes(city, monkeypatch):
    asked = []
    first = Retriever.search
    monkeypatch.setattr(Retriever, "search", lambda *given, **named: asked.append(given[1]) or first(*given, **named))

    def found(page: int = 1, **more) -> list[str]:
        request = SearchRequest(q="耐酸 纳滤 膜的配方", page=page, **more)
        return [hit.item.code for hit in search.search(request, actor=visitor).items]

    before = found()
    assert found() == before
    found(page=2, sort="trl")
    assert len(asked) == 1
    found(facets={"field": ("materials",)})  # another question
    assert len(asked) == 2  # the facets around it are of the answer that is kept
    publish(city["hidden"])
    assert city["hidden"].code in found()


def test_a_page_is_judged_again_only_when_something_of_it_has_changed(city, monkeypatch):
    judged = []
    first = scoring.search_arches
    monkeypatch.setattr(
        scoring,
        "search_arches",
        lambda kind, query, codes, *known: judged.append(codes) or first(kind, query, codes, *known),
    )

    def found(**more):
        return search.search(SearchRequest(q="耐酸纳滤膜，通量 15 LMH/bar 以上", **more), actor=visitor)

    before = found()
    judged.clear()
    again = found()
    assert judged == []
    assert (again.items, again.facets, again.total) == (before.items, before.facets, before.total)
    assert all(hit.arch and hit.passages for hit in again.items[:1])
    found(sort="newest")
    found(facets={"field": ("materials",)})
    assert len(judged) == 4  # each page of its own: those that are scored, and those of the rest that it shows
    assert found(facets={"field": ("energy",)}).items == []
    judged.clear()
    type(city["membrane"]).objects.filter(pk=city["membrane"].pk).update(trl=2, revision=F("revision") + 1)
    changed = found()
    assert judged != []
    assert {facet.name: facet.values for facet in changed.facets}["trl"] != {
        facet.name: facet.values for facet in before.facets
    }["trl"]
    # What is withdrawn is gone at once, though the index has it until the job has run.
    catalogue.withdraw_achievement(actor=system, code=city["membrane"].code)
    assert city["membrane"].code not in {hit.item.code for hit in found().items}


def test_what_is_new_is_indexed_before_matches_that_wait(city):
    """A load of items leaves matches for minutes; the next change must not stand behind them."""
    from keqiao.matching import tasks

    connector = testing.InMemoryConnector()
    with app.replace_connector(connector):
        tasks.update_items.func(kind="achievement", ids=[city["membrane"].pk] * 25)
        tasks.study_needs.defer(after=0)
        tasks.update_items.defer(kind="achievement", ids=[city["weak"].pk])
        by_turn = sorted(connector.jobs.values(), key=lambda job: (-job["priority"], job["id"]))
    names = [job["task_name"].rpartition(".")[2] for job in by_turn]
    assert names == ["update_items", "compute_matches", "compute_matches", "compute_matches", "study_needs"]


def test_while_the_index_is_kept_up_what_is_new_is_found_and_changes_follow(city):
    from keqiao.matching import tasks

    new, changed, gone = city["hidden"], city["membrane"], city["weak"]
    type(new).objects.filter(pk=new.pk).update(state="published")
    type(changed).objects.filter(pk=changed.pk).update(trl=2, revision=F("revision") + 1)
    type(gone).objects.filter(pk=gone.pk).update(state="withdrawn", revision=F("revision") + 1)
    connector = testing.InMemoryConnector()
    with app.replace_connector(connector):
        with indexing.engine()._locked("changes.lock"):  # as `maintain` may hold it
            tasks.update_items.func(kind="achievement", ids=[new.pk, changed.pk, gone.pk])
        jobs = {job["task_name"].rpartition(".")[2]: job for job in connector.jobs.values()}
        assert jobs["compute_matches"]["args"]["ids"] == [new.pk]
        again = jobs["update_items"]
        assert again["args"]["ids"] == [changed.pk, gone.pk]
        assert again["priority"] < 0  # while it waits for its time it keeps nobody of its lock
        assert again["scheduled_at"] is not None
        assert new.code in scoring.nearest("achievement", "耐酸纳滤膜配方", 5)
        assert indexing.differences("achievement") == (1, 2)
        work(connector)
    assert indexing.differences("achievement") == (0, 0)


def test_a_large_index_is_kept_up_in_a_process_that_ends(city, monkeypatch):
    begun = []
    monkeypatch.setattr(
        indexing.processes, "alone", lambda work, *given: begun.append(pickle.loads(pickle.dumps(work))(*given))
    )
    indexing.keep_up("achievement")
    assert begun == []
    monkeypatch.setattr(building, "FEW", 1)
    indexing.keep_up("achievement")
    assert begun == [None]
    indexing.engine().drop("achievements_v1")
    indexing.keep_up("achievement")  # of a version that has gone there is nothing to do


def test_a_large_index_rests_after_an_upkeep_that_took_long(city, monkeypatch):
    from keqiao.matching import tasks

    monkeypatch.setattr(indexing.engine(), "is_due", lambda name: True)
    state = index_state.serving()
    name, other = (index_state.index_name("achievement", number) for number in (state.version, state.version + 1))

    def deferred() -> list[dict[str, str]]:
        connector = testing.InMemoryConnector()
        with app.replace_connector(connector):
            tasks.find_late_upkeep.func(timestamp=0)
        return [job["args"] for job in connector.jobs.values()]

    both = [{"kind": "achievement"}, {"kind": "need"}]
    assert deferred() == both
    index_state.note_upkeep(name, took=40.0)
    assert deferred() == [{"kind": "need"}]
    later = time.time() + 40.0
    monkeypatch.setattr(index_state.time, "time", lambda: later)
    assert deferred() == both
    index_state.note_upkeep(other, took=40.0)  # a rebuild serves meanwhile: the one before is forgotten
    index_state.switch(replace(state, version=state.version + 1))
    assert deferred() == [{"kind": "need"}]


def test_others_compute_nothing(city):
    with pytest.raises(NotAllowed):
        services.compute_matches(
            actor=make_actor(organisation=make_organisation()), kind="need", item_id=city["need"].pk
        )


def test_search_reads_conditions_and_orders_by_the_arch(city):
    found = search.search(SearchRequest(q="耐酸纳滤膜，通量 15 LMH/bar 以上，TRL 6 以上"), actor=visitor)
    assert found.items[0].item.code == city["membrane"].code
    assert {chip.kind for chip in found.query.chips} >= {"indicator", "trl"}
    weak = next(f for f in found.items if f.item.code == city["weak"].code)
    assert weak.arch.has_unmet
    assert all(f.arch.score == sum(s.points for s in f.arch.stones) for f in found.items)


def test_a_dropped_chip_no_longer_counts(city):
    asked = SearchRequest(q="耐酸纳滤膜，通量 15 LMH/bar 以上")
    chip = next(c for c in search.search(asked, actor=visitor).query.chips if c.kind == "indicator")
    found = search.search(SearchRequest(q=asked.q, drop=(chip.id,)), actor=visitor)
    weak = next(f for f in found.items if f.item.code == city["weak"].code)
    assert not weak.arch.has_unmet


def test_what_facets_are_counted_among_needs_no_second_look(city):
    text = "耐酸纳滤膜 电池 陶瓷 催化剂 传感器"
    counted = scoring.nearest("achievement", text, search.NEAREST, in_order=False)
    shown = scoring.nearest("achievement", text, search.NEAREST)
    assert len(shown) > 2
    assert sorted(counted) == sorted(shown)
    assert scoring.nearest("achievement", text, search.NEAREST, in_order=False) == shown  # of what was asked before


def test_facets_filter_and_count(city):
    every = search.search(SearchRequest(), actor=visitor)
    assert (every.total, every.total_is_exact) == (3, True)
    fields = {v.value: v.count for facet in every.facets if facet.name == "field" for v in facet.values}
    assert fields == {"materials": 2, "equipment": 1}
    one = search.search(SearchRequest(q="膜 轴承", facets={"field": ("equipment",)}), actor=visitor)
    assert [f.item.code for f in one.items] == [city["bearing"].code]
    assert {v.value for facet in one.facets if facet.name == "field" for v in facet.values} == {
        "materials",
        "equipment",
    }


def test_drafts_are_in_no_count_and_no_result(city):
    owner = make_actor(organisation=city["hidden"].owner)
    for actor in (visitor, owner):
        found = search.search(SearchRequest(q="未公开的耐酸纳滤膜配方"), actor=actor)
        assert city["hidden"].code not in {f.item.code for f in found.items}
        assert search.search(SearchRequest(), actor=actor).total == 3


@pytest.mark.slow
def test_rebuilding_serves_a_new_version_and_the_same_results(city):
    before = [f.item.code for f in search.search(SearchRequest(q="纳滤膜"), actor=visitor).items]
    assert indexing.rebuild(lambda text: None) == 2
    assert [f.item.code for f in search.search(SearchRequest(q="纳滤膜"), actor=visitor).items] == before
    assert [indexing.differences(kind) for kind in indexing.KINDS] == [(0, 0), (0, 0)]


def test_similar_items_leave_out_the_item_itself(city):
    similar = selectors.similar_achievements(city["membrane"].code, actor=visitor)
    assert similar[0].code == city["weak"].code
    assert city["membrane"].code not in {item.code for item in similar}


def test_the_publisher_of_a_need_is_not_in_what_is_indexed(city):
    need = make_need(publisher=make_organisation(name_zh="保密单位甲"), publisher_shown="hidden", title="隐名需求")
    rows = indexing.catalogue.items_to_index("need").filter(pk=need.pk)
    document = building.documents("need", rows[:1], indexing.model(), None)[0]
    assert not any("保密" in str(part) for part in (document.tokens, document.attributes))


def test_what_waits_behind_a_job_is_indexed_with_it(city, monkeypatch):
    """Killed before the end the others still wait; done, they are gone, and each has its matches computed."""
    from keqiao.kernel import jobs
    from keqiao.matching import tasks

    def waiting(task):
        return [
            args["ids"] for args in jobs.waiting_alike(f"keqiao.matching.tasks.{task}", 10, kind="achievement").values()
        ]

    membrane, weak = city["membrane"].pk, city["weak"].pk
    updated = []
    assert waiting("update_items") == []
    for ids in ([membrane], [weak, membrane]):
        tasks.update_items.defer(kind="achievement", ids=ids)
    tasks.update_items.defer(kind="need", ids=[city["need"].pk])
    tasks.update_items.configure(schedule_in={"minutes": 10}).defer(kind="achievement", ids=[0])
    monkeypatch.setattr(indexing, "update", lambda kind, ids, waits: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tasks.update_items.func(kind="achievement", ids=[weak])
    assert waiting("update_items") == [[membrane], [weak, membrane]]
    written = indexing.Updated(is_whole=True, left=[])
    monkeypatch.setattr(indexing, "update", lambda kind, ids, waits: updated.append((kind, ids)) or written)
    tasks.update_items.func(kind="achievement", ids=[weak])
    assert updated == [("achievement", sorted([membrane, weak]))]
    assert waiting("update_items") == []
    monkeypatch.setattr(tasks, "ITEMS_TOGETHER", 1)
    assert tasks._as_many_as_fit([weak], {7: {"ids": [membrane]}}) == {}
    assert waiting("compute_matches") == [[weak], [membrane], [weak, membrane]]
    assert len(jobs.waiting_alike("keqiao.matching.tasks.update_items", 10, kind="need")) == 1


@pytest.mark.parametrize("left", [{"is_whole": False, "left": []}, {"is_whole": True, "left": [7]}])
def test_what_must_come_again_later_keeps_nobody_waiting(city, monkeypatch, left):
    """As when the provider's model is away, or the index is kept up: what is new has its turn meanwhile."""
    from keqiao.matching import tasks

    monkeypatch.setattr(indexing, "update", lambda kind, ids, waits: indexing.Updated(**left))
    tasks.update_items.func(kind="achievement", ids=[7])
    tasks.update_items.defer(kind="achievement", ids=[8])
    with connection.cursor() as cursor:
        cursor.execute("SELECT args -> 'ids' -> 0 FROM procrastinate_fetch_job_v2('{index}', NULL)")
        assert cursor.fetchone()[0] in {8, "8"}
        cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE status = 'doing'")
        cursor.execute("SELECT id FROM procrastinate_fetch_job_v2('{index}', NULL)")
        assert cursor.fetchone() == (None,)  # not yet
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE scheduled_at IS NOT NULL")
        cursor.execute("SELECT args -> 'ids' -> 0 FROM procrastinate_fetch_job_v2('{index}', NULL)")
        assert cursor.fetchone()[0] in {7, "7"}


def test_a_job_that_fails_lets_the_others_of_its_lock_go_first():
    from keqiao.matching import tasks

    for task in (tasks.update_items, tasks.keep_index_up):
        job = Job(id=1, queue=task.queue, lock=task.lock, queueing_lock=None, task_name=task.name, attempts=2)
        again = task.retry_strategy.get_retry_decision(exception=OSError(), job=job)
        assert (again.priority, again.retry_at > datetime.now(UTC)) == (tasks.LATER, True)
        assert task.retry_strategy.get_retry_decision(exception=OSError(), job=job.evolve(attempts=10)) is None


def test_after_a_large_load_every_need_is_computed_again(city, monkeypatch):
    from keqiao.matching import tasks

    compute(city["need"])
    assert stale.needs_to_compute() == []
    monkeypatch.setattr(tasks, "AT_ONCE", 1)
    connector = testing.InMemoryConnector()
    with app.replace_connector(connector):
        tasks.update_items.func(kind="achievement", ids=[city["membrane"].pk, city["weak"].pk])
        assert [job["task_name"].rpartition(".")[2] for job in connector.jobs.values()] == ["find_lacking_excerpts"]
    assert stale.needs_to_compute() == [city["need"].pk]


def test_without_an_index_nothing_is_computed_and_nothing_lost(city):
    compute(city["need"])
    before = Match.objects.count()
    (indexing.folder() / "serving.json").unlink()
    with pytest.raises(IndexNotReady):
        compute(city["need"])
    assert (Match.objects.count(), stale.needs_to_compute()) == (before, [])


def test_a_right_that_is_granted_is_found_with_its_achievements(city):
    """By event, job and index, at the same text: the filter for granted rights reads it from the index."""
    owner = city["membrane"].owner_id
    fields = {"kind": "invention", "number": "201310699744.2", "status": "pending", "title_zh": "一种膜"}
    asset = catalogue.register_asset(actor=system, owner_id=owner, **fields)
    city["membrane"].assets.add(asset)

    def granted():
        name = indexing.index_name("achievement", indexing.serving().version)
        return indexing.engine().count(name, Eq("ip", "granted"))

    for changed, found in (({"title_zh": "一种耐酸膜"}, 0), ({"status": "granted"}, 1), ({"status": "pending"}, 0)):
        connector = testing.InMemoryConnector()
        with app.replace_connector(connector):
            catalogue.rewrite_asset(actor=system, asset_id=asset.pk, **changed)
            work(connector)
        assert granted() == found
