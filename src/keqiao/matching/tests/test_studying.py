"""What would change the matches of a need, and which achievements fill its arch together."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from procrastinate import testing
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from keqiao.catalogue import services as catalogue
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.matching import combining, indexing, relaxing, selectors, services, stale, stones, tasks
from keqiao.matching.models import Study
from keqiao.matching.tests.factories import forget_everything, load_rules
from keqiao.matching.tests.test_stones import WEIGHTS, offered, wanted
from keqiao.matching.tests.test_stones import make_achievement as facts_of
from keqiao.matching.tests.test_stones import make_need as need_facts
from keqiao.matching.types import IndexNotReady, Price, Stone, Verdict
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation

visitor, system = parties.visitor(), parties.system()
FIT = stones.TechnologyFit(1.0)


def scored(need, achievement):
    return stones.build_arch(need, achievement, WEIGHTS, FIT)


def part(achievement, need, fit=FIT):
    return combining.Part(achievement, stones.judge(need, achievement, fit))


# --- Relaxing ---------------------------------------------------------------------------------------------------------


def test_each_step_says_exactly_what_it_brings():
    need = need_facts()
    below = [
        facts_of(code=code, indicators=(offered(value),)) for code, value in (("A", "14"), ("B", "12"), ("C", "12.5"))
    ]
    steps = relaxing.relaxations(need, below, scored)
    assert [(step.target, step.codes) for step in steps] == [
        (Decimal(14), ("A",)),
        (Decimal("12.5"), ("A", "C")),
        (Decimal(12), ("A", "B", "C")),
    ]
    for step in steps:
        then = relaxing.relaxed(need, step)
        assert {a.code for a in below if not scored(then, a).has_unmet} == set(step.codes)


def test_units_are_those_of_the_need_and_ceilings_rise():
    need = need_facts(indicators=(wanted("<=", "15000", "mPa·s", name="黏度"),))
    steps = relaxing.relaxations(need, [facts_of(indicators=(offered("26", "Pa·s", name="黏度"),))], scored)
    assert [(step.row, step.target) for step in steps] == [(0, Decimal(26000))]


def test_what_needs_two_conditions_is_no_step():
    two = (wanted(), wanted("<=", "5", "%", name="厚度偏差"))
    offers = (offered("12"), offered("9", "%", name="厚度偏差"))
    assert relaxing.relaxations(need_facts(indicators=two), [facts_of(indicators=offers)], scored) == []


def test_a_wanted_value_can_only_be_given_up():
    need = need_facts(indicators=(wanted("=", "15"),))
    (step,) = relaxing.relaxations(need, [facts_of(indicators=(offered("12"),))], scored)
    assert (step.row, step.target) == (0, None)


def test_maturity_is_relaxed_to_where_the_stone_is_no_longer_red():
    need = need_facts(trl_min=8)
    (step,) = relaxing.relaxations(need, [facts_of(trl=5)], scored)
    assert (step.row, step.target) == (None, Decimal(7))
    assert not scored(relaxing.relaxed(need, step), facts_of(trl=5)).has_unmet


# --- Combining --------------------------------------------------------------------------------------------------------

WIDTH = wanted("<=", "5", "%", name="厚度偏差")
LIFE = wanted(">=", "360", "天", name="寿命")


def test_two_that_complete_each_other_fill_the_arch():
    need = need_facts(indicators=(wanted(), WIDTH))
    membrane = facts_of(code="A", price=Price("amount", 300_0000_00, 300_0000_00))
    gauge = facts_of(
        code="B", indicators=(offered("3", "%", name="厚度偏差"),), price=Price("amount", 100_0000_00, 100_0000_00)
    )
    (one,) = combining.combine(need, [part(membrane, need), part(gauge, need)], WEIGHTS)
    assert one.codes == ("A", "B")
    assert [(f.part, f.verdict) for f in one.arch.stones[1].findings] == [(0, Verdict.MET), (1, Verdict.MET)]
    assert (one.arch.score, one.conflicts) == (100, ())
    price = next(stone for stone in one.arch.stones if stone.stone is Stone.PRICE)
    assert "400 万元" in price.findings[0].offered
    assert combining.from_json(combining.to_json(one, {"A": 1, "B": 2}), one.codes) == one


def test_none_is_made_when_one_does_alone_or_nothing_is_a_must():
    need = need_facts()
    assert combining.combine(need, [part(facts_of(), need)], WEIGHTS) == []
    wish = need_facts(indicators=(replace(wanted(), must=False),))
    assert combining.combine(wish, [part(facts_of(indicators=()), wish)], WEIGHTS) == []


def test_three_only_when_no_two_do():
    need = need_facts(indicators=(wanted(), WIDTH, LIFE))
    a = facts_of(code="A")
    b = facts_of(code="B", indicators=(offered("3", "%", name="厚度偏差"),))
    c = facts_of(code="C", indicators=(offered("400", "天", name="寿命"),))
    both = facts_of(code="D", indicators=(*b.indicators, *c.indicators))
    three = combining.combine(need, [part(x, need) for x in (a, b, c)], WEIGHTS)
    assert [one.codes for one in three] == [("A", "B", "C")]
    two = combining.combine(need, [part(x, need) for x in (a, b, c, both)], WEIGHTS)
    assert [one.codes for one in two] == [("A", "D")]


def test_a_stated_miss_an_unripe_part_and_a_far_field_are_refused():
    need = need_facts(indicators=(wanted(), WIDTH))
    gauge = facts_of(code="B", indicators=(offered("3", "%", name="厚度偏差"),))
    misses = facts_of(code="C", indicators=(offered("3", "%", name="厚度偏差"), offered("7")))
    membrane = part(facts_of(code="A"), need)
    assert combining.combine(need, [membrane, part(misses, need)], WEIGHTS) == []
    assert combining.combine(need, [membrane, part(replace(gauge, trl=2), need)], WEIGHTS) == []
    assert combining.combine(need, [membrane, part(gauge, need, stones.TechnologyFit(0.3))], WEIGHTS) == []


def test_conflicts_are_noted_and_fewer_of_them_win():
    need = need_facts(indicators=(wanted(), WIDTH))
    membrane = facts_of(code="A")
    dear = facts_of(
        code="B",
        indicators=(offered("3", "%", name="厚度偏差"),),
        modes=("service",),
        price=Price("amount", 900_0000_00, 900_0000_00),
    )
    (one,) = combining.combine(need, [part(membrane, need), part(dear, need)], WEIGHTS)
    assert [conflict.kind for conflict in one.conflicts] == ["price", "modes"]
    cheap = replace(dear, code="C", modes=("license_exclusive",), price=Price("amount", 50_0000_00, 50_0000_00))
    (better,) = combining.combine(need, [part(x, need) for x in (membrane, dear, cheap)], WEIGHTS)
    assert better.codes == ("A", "C")


# --- Stored, and shown to whom ----------------------------------------------------------------------------------------

FLUX = {"name_zh": "纯水通量", "unit": "LMH/bar"}
DEVIATION = {"name_zh": "厚度偏差", "unit": "%", "comparator": "<="}


@pytest.fixture
def city(db, settings, tmp_path):
    """A need that no achievement answers alone; two do together, and a third misses one figure."""
    settings.DATA_DIR = tmp_path
    forget_everything()
    load_rules()
    common = {"ipc": ["B01D 71/56"], "trl": 6, "modes": ["license_exclusive"], "field": "materials"}
    rows = {
        "membrane": make_achievement(
            title="耐酸纳滤膜及连续制备", summary="三嗪环分离层的耐酸纳滤膜，用于酸性浸出液提锂。",
            indicators=[{**FLUX, "value": "18.2"}], **common,
        ),
        "gauge": make_achievement(
            title="纳滤膜涂覆的在线测厚", summary="耐酸纳滤膜涂覆厚度在线测量与闭环控制。",
            indicators=[{**DEVIATION, "value": "3"}], **common,
        ),
        "weak": make_achievement(
            title="陶瓷耐酸纳滤膜元件", summary="管式陶瓷纳滤膜，用于酸性浸出液。",
            indicators=[{**FLUX, "value": "7.2"}], **common,
        ),
        "need": make_need(
            title="耐酸纳滤膜的涂覆", problem="酸性浸出液提锂，现用纳滤膜三个月失效，要连续涂覆。", trl_min=6, ipc=["B01D 71/56"],
            modes=["license_exclusive"],
            indicators=[{**FLUX, "target": "15", "comparator": ">="}, {**DEVIATION, "target": "5"}],
        ),
    }  # fmt: skip
    indexing.rebuild(lambda text: None)
    services.compute_matches(actor=system, kind="need", item_id=rows["need"].pk)
    yield rows
    forget_everything()


def test_changed_matches_are_studied_again_in_a_job_of_their_own(city):
    """Killed before that job was written, the need is still found by whoever looks for stale studies."""
    services.study_need(actor=system, need_id=city["need"].pk)
    connector = testing.InMemoryConnector()
    with app.replace_connector(connector):
        services.compute_matches(actor=system, kind="achievement", item_id=city["gauge"].pk)
        assert (stale.needs_to_study(), len(connector.jobs)) == ([city["need"].pk], 0)
        tasks.compute_matches.func(kind="achievement", ids=[city["gauge"].pk])
        (job,) = [row for row in connector.jobs.values() if row["task_name"].endswith("study_needs")]
        app.tasks[job["task_name"]].func(**job["args"])
        app.tasks[job["task_name"]].func(**job["args"])  # again is harmless
    assert (job["args"], stale.needs_to_study()) == ({"but": []}, [])


def test_a_withdrawn_need_keeps_no_study(city):
    services.study_need(actor=system, need_id=city["need"].pk)
    catalogue.withdraw_need(actor=system, code=city["need"].code)
    services.compute_matches(actor=system, kind="need", item_id=city["need"].pk)
    assert not Study.objects.exists()


def test_many_needs_are_studied_some_at_a_time_by_one_job_that_waits(city, monkeypatch):
    monkeypatch.setattr(tasks, "PIECE", 1)
    needs = [city["need"].pk, city["need"].pk + 1]
    monkeypatch.setattr(
        stale, "needs_to_study", lambda limit, but=(): [pk for pk in needs if pk not in (*studied, *but)][:limit]
    )
    studied = []
    monkeypatch.setattr(services, "study_need", lambda actor, need_id: studied.append(need_id))
    tasks.look_for_needs_to_study()
    tasks.look_for_needs_to_study()
    for _ in needs:
        (job,) = ProcrastinateJob.objects.filter(task_name__endswith="study_needs", status="todo")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.pk])
        tasks.study_needs.func(**job.args)
    assert studied == needs
    assert not ProcrastinateJob.objects.filter(task_name__endswith="study_needs").exists()


def test_a_need_that_fails_keeps_no_other_from_its_turn(city, monkeypatch):
    """And each job that waits looks at all needs: none is lost behind one that has gone further."""
    monkeypatch.setattr(tasks, "PIECE", 2)
    bad, *others = needs = [city["need"].pk + step for step in range(4)]
    monkeypatch.setattr(
        stale, "needs_to_study", lambda limit, but=(): [pk for pk in needs if pk not in (*studied, *but)][:limit]
    )
    studied = []

    def study(actor, need_id):
        if need_id == bad:
            raise ValueError("unreadable")
        studied.append(need_id)

    monkeypatch.setattr(services, "study_need", study)
    connector = testing.InMemoryConnector()
    with app.replace_connector(connector):
        with pytest.raises(ValueError, match="unreadable"):
            tasks.study_needs.func()
        (job,) = connector.jobs.values()
        connector.reset()
        tasks.study_needs.func(**job["args"])
    assert (job["args"], studied, connector.jobs) == ({"but": [bad]}, others, {})


def test_a_study_is_stored_and_the_same_when_done_again(city):
    assert stale.needs_to_study() == [city["need"].pk]
    for _ in range(2):
        services.study_need(actor=system, need_id=city["need"].pk)
        (one,) = selectors.combinations_of(city["need"], actor=visitor)
        assert {part.pk for part in one.achievements} == {city["membrane"].pk, city["gauge"].pk}
    assert (Study.objects.count(), stale.needs_to_study()) == (1, [])


def test_relaxations_are_for_the_needs_own_people(city):
    services.study_need(actor=system, need_id=city["need"].pk)
    own = make_actor(organisation=city["need"].publisher)
    (step,) = selectors.relaxations_of(city["need"], actor=own)
    assert (step.row, step.target, step.count) == (0, Decimal("7.2"), 1)
    assert selectors.relaxations_of(city["need"], actor=visitor) == []
    assert selectors.relaxations_of(city["need"], actor=make_actor(organisation=make_organisation())) == []
    assert selectors.relaxations_of(city["need"], actor=own, without={city["weak"].pk}) == []


def test_what_is_withdrawn_is_neither_counted_nor_shown(city):
    services.study_need(actor=system, need_id=city["need"].pk)
    own = make_actor(organisation=city["need"].publisher)
    for name in ("weak", "gauge"):
        catalogue.withdraw_achievement(actor=system, code=city[name].code)
    assert selectors.relaxations_of(city["need"], actor=own) == []
    assert selectors.combinations_of(city["need"], actor=visitor) == []
    with pytest.raises(NotFound):
        selectors.get_combination(city["need"], [city["membrane"].code, city["gauge"].code], actor=visitor)


def test_others_study_nothing_and_without_an_index_nothing_is_lost(city):
    with pytest.raises(NotAllowed):
        services.study_need(actor=make_actor(organisation=make_organisation()), need_id=city["need"].pk)
    services.study_need(actor=system, need_id=city["need"].pk)
    (indexing.folder() / "serving.json").unlink()
    with pytest.raises(IndexNotReady):
        services.study_need(actor=system, need_id=city["need"].pk)
    assert Study.objects.count() == 1


def test_a_need_that_is_gone_has_no_study(city):
    services.study_need(actor=system, need_id=city["need"].pk)
    catalogue.withdraw_need(actor=system, code=city["need"].code)
    services.study_need(actor=system, need_id=city["need"].pk)
    assert not Study.objects.exists()


def test_matches_side_by_side_keep_their_order_and_hide_what_is_hidden(city):
    codes = [city["weak"].code, city["membrane"].code]
    found = selectors.matches_of_pair_codes(city["need"], codes, actor=visitor)
    assert [seen.achievement.code for seen in found] == codes
    catalogue.withdraw_achievement(actor=system, code=city["weak"].code)
    with pytest.raises(NotFound):
        selectors.matches_of_pair_codes(city["need"], codes, actor=visitor)
