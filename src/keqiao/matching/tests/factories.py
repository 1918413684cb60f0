"""Plain functions that build matching rows."""

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.matching import gathering, index_state, indexing, scoring, search, stones
from keqiao.matching.models import Match
from keqiao.matching.types import Arch, Finding, Stone, StoneResult, Verdict
from keqiao.parties import selectors as parties

POINTS = {
    Stone.TECHNOLOGY: 25,
    Stone.INDICATORS: 35,
    Stone.MATURITY: 15,
    Stone.MODES: 10,
    Stone.PRICE: 10,
    Stone.REGION: 5,
}


def make_arch(score=100, *, unmet=False):
    """An arch whose stones add up to the score; `unmet` turns the indicators red."""
    left, results = score, []
    for stone, weight in POINTS.items():
        points = 0 if unmet and stone is Stone.INDICATORS else min(weight, left)
        left -= points
        verdict = (
            Verdict.UNMET
            if unmet and stone is Stone.INDICATORS
            else Verdict.MET
            if points == weight
            else Verdict.PARTLY
        )
        finding = Finding(stone, stone.value, stone.value, verdict, points / weight, "≥ 15", "18.2")
        results.append(StoneResult(stone, weight, points / weight, points, verdict, (finding,)))
    return Arch(sum(r.points for r in results), tuple(results), unmet)


def make_match(need=None, achievement=None, score=90, *, unmet=False, **fields):
    arch = make_arch(score, unmet=unmet)
    return Match.objects.create(
        need=need or make_need(),
        achievement=achievement or make_achievement(),
        score=arch.score,
        has_unmet=unmet,
        arch=stones.arch_to_json(arch),
        version="test",
        **fields,
    )


def forget_everything():
    """What this process keeps of an index and of slowly changing tables: another test has another database."""
    index_state.engine_of.cache_clear()
    indexing._retrievers.clear()
    scoring._kept.clear()
    scoring._answers.clear()
    gathering._regions.cache_clear()
    scoring._weights.cache_clear()
    search._pages_judged.clear()


def load_rules():
    """The rule packs that ship, weights and thresholds: the rows that conftest.py keeps, a tenth of the time, or the files."""
    from django.db import connection

    from keqiao.kernel import parameters

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('rules_for_tests')")
        if cursor.fetchone() == (None,):
            parameters.load_packs(actor=parties.system())
        else:
            cursor.execute("INSERT INTO kernel_parameter SELECT * FROM rules_for_tests ON CONFLICT DO NOTHING")
