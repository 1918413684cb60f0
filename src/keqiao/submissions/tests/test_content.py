from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as items
from keqiao.catalogue.tests.factories import make_code
from keqiao.catalogue.types import Evidence, Mode, Ownership
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_organisation
from keqiao.submissions.content import content_of, problems_of, read_achievement, read_need, shape_problems
from keqiao.submissions.tests.factories import ACHIEVEMENT, NEED, make_field

pytestmark = pytest.mark.django_db

# --- the round trip -----------------------------------------------------------------------------------------------------

words = st.text("膜分离通量耐酸 abcXYZ0123,.-“”", min_size=1, max_size=30).map(str.strip).filter(bool)
decimals = st.decimals(-(10**9), 10**9, places=3, allow_nan=False).map(lambda d: f"{d.normalize():f}")
minor = st.integers(0, 10**13)


def maybe(**parts):
    return st.fixed_dictionaries({}, optional=parts)


def both(prefix, strategy):
    return {f"{prefix}_zh": strategy, f"{prefix}_en": strategy}


@st.composite
def indicators(draw, **more):
    row = draw(st.fixed_dictionaries({"name_zh": words, "value": decimals}, optional={"unit": words, **more}))
    if draw(st.booleans()):
        low, high = sorted([row["value"], draw(decimals)], key=float)
        return {**row, "comparator": "range", "value": low, "high": high}
    return {**row, "comparator": draw(st.sampled_from([">=", "<=", "="]))}


def texts(*parts):
    version = st.fixed_dictionaries(
        dict.fromkeys(parts, words) | {"origin": st.sampled_from(["author", "translated"])},
        optional={"background" if "summary" not in parts else "how": words},
    )
    return st.fixed_dictionaries({"zh": version}, optional={"en": version}) | st.fixed_dictionaries({"en": version})


prices = (
    st.just({})
    | st.just({"price_kind": "negotiable"})
    | st.tuples(minor, minor).map(
        lambda ends: {"price_kind": "amount", "price_low": min(ends), "price_high": max(ends), "currency": "USD"}
    )
)
shared = {
    "ipc": st.lists(st.sampled_from(["B01D 71/56", "H01M 10/052", "G06F"]), unique=True),
    "keywords_zh": st.lists(words, max_size=4, unique=True),
    "modes": st.lists(st.sampled_from(Mode.values), unique=True, max_size=4),
    "external_id": words,
}
needs = st.builds(
    lambda base, price: {**base, **price},
    st.fixed_dictionaries(
        {"texts": texts("title", "problem"), "field": st.just("materials")},
        optional={
            **shared,
            "trl_min": st.integers(1, 9),
            "deadline": st.dates(date(2026, 12, 1), date(2040, 1, 1)).map(date.isoformat),
            "region_wish": st.sampled_from(["local", "any"]),
            "publisher_shown": st.sampled_from(["shown", "hidden", "matched"]),
            "indicators": st.lists(indicators(is_must=st.booleans(), current=decimals, condition_zh=words), max_size=3),
        },
    ),
    prices,
)
achievements = st.builds(
    lambda base, price: {**base, **price},
    st.fixed_dictionaries(
        {"texts": texts("title", "summary"), "field": st.just("materials")},
        optional={
            **shared,
            **both("unit", words),
            **both("trl_evidence", st.lists(words, max_size=3, unique=True)),
            "trl": st.integers(1, 9),
            "ownership": st.sampled_from(Ownership.values),
            "price_for": st.sampled_from(Mode.values),
            "disclosed_on": st.dates(date(2020, 1, 1), date(2026, 1, 1)).map(date.isoformat),
            "team": st.lists(st.fixed_dictionaries({"name_zh": words}, optional=both("role", words)), max_size=3),
            "indicators": st.lists(
                indicators(
                    evidence=st.sampled_from(Evidence.values),
                    evidence_zh=words,
                    baseline=st.lists(st.fixed_dictionaries({"name_zh": words, "value": words}), max_size=2),
                ),
                max_size=3,
            ),
        },
    ),
    prices,
)
slow = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def added(kind, draft, organisation):
    """The item that a draft becomes, read from the database."""
    fields = {**draft.fields, "external_id": ""}  # unique; the examples share one database
    owner = {"publisher_id": organisation.pk} if kind == "need" else {"owner_id": organisation.pk}
    made = type(draft)(**{**vars(draft), "fields": {**fields, **owner}})
    if kind == "need":
        code = items.add_need(actor=parties.system(), draft=made).code
        return catalogue.get_need(code, actor=parties.system())
    code = items.add_achievement(actor=parties.system(), draft=made).code
    return catalogue.get_achievement(code, actor=parties.system())


@slow
@given(content=needs)
def test_a_need_read_written_and_read_again_is_the_same(content):
    make_field()
    draft = read_need(content)
    written = content_of(added("need", draft, make_organisation()))
    assert shape_problems(written) == []
    again = read_need(written)
    assert {**again.fields, "external_id": draft.fields["external_id"]} == dict(draft.fields)
    assert (again.texts, again.indicators, again.attachments) == (draft.texts, draft.indicators, draft.attachments)


@slow
@given(content=achievements)
def test_an_achievement_read_written_and_read_again_is_the_same(content):
    make_field()
    draft = read_achievement(content)
    written = content_of(added("achievement", draft, make_organisation(kind="university")))
    assert shape_problems(written) == []
    again = read_achievement(written)
    assert {**again.fields, "external_id": draft.fields["external_id"]} == dict(draft.fields)
    assert (again.texts, again.indicators, again.team) == (draft.texts, draft.indicators, draft.team)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "texts",
    "indicators",
    "ipc",
    "price_low",
    "price_kind",
    "trl",
    "deadline",
    "team",
    "asset_ids",
    "modes",
    "field",
]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=st.dictionaries(st.sampled_from(KEYS), json_values, max_size=4),
    kind=st.sampled_from(["need", "achievement"]),
)
def test_whatever_is_given_problems_are_named(content, kind):
    """Every problem is told as one; nothing raises anything else."""
    assert all(problem.message for problem in problems_of(kind, content))
    assert all(problem.message for problem in shape_problems(content))


# --- refusals -----------------------------------------------------------------------------------------------------------


def problems(kind, **change):
    make_field()
    base = NEED if kind == "need" else ACHIEVEMENT
    return {(p.field, p.example) for p in problems_of(kind, {**base, **change}, today=date(2026, 11, 21))}


@pytest.mark.parametrize("kind", ["need", "achievement"])
def test_complete_contents_have_no_problem(kind):
    assert problems(kind) == set()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"price_low": "三百"}, {("price_low", "300")}),
        ({"price_low": 5.5}, {("price_low", "300")}),
        ({"price_low": True}, {("price_low", "300")}),
        ({"price_low": None, "price_high": None}, {("price_low", "300 万元至 500 万元")}),
        ({"price_low": 900_000_000}, {("price_high", "300 万元至 500 万元")}),
        ({"deadline": "2026-02-30"}, {("deadline", "2026-12-31")}),
        ({"deadline": "2026-11-20"}, {("deadline", "2027-06-30")}),
        ({"trl_min": 10}, {("trl_min", "6")}),
        ({"field": "magic"}, {("field", "materials")}),
        ({"industry": ["C99"]}, {("industry", "26")}),
        ({"ipc": ["Z99"]}, {("ipc", "B01D 71/56")}),
        ({"modes": ["gift"]}, {("modes", "license_nonexclusive")}),
        ({"indicators": [{"name_zh": "通量"}]}, {("indicators.0.value", "15")}),
        ({"indicators": [{"value": "15"}]}, {("indicators.0.name_zh", "水通量")}),
        ({"indicators": [{"name_zh": "通量", "value": "面议"}]}, {("indicators.0.value", "15.5")}),
        (
            {"indicators": [{"name_zh": "a", "comparator": "range", "value": "9", "high": "5"}]},
            {("indicators.0.high", "15 – 20")},
        ),
        ({"texts": {"zh": {"title": "只有标题"}}}, {("texts.zh.problem", "")}),
        ({"texts": {"zh": NEED["texts"]["zh"], "en": {"title": "Only"}}}, {("texts.en.problem", "")}),
        ({"attachments": [{"level": "public"}]}, {("attachments.0.file_id", "")}),
        ({"attachments": [{"file_id": 1, "proves": "all"}]}, {("attachments.0.proves", "indicator:2")}),
    ],
)
def test_every_problem_is_named_with_its_place_and_an_example(change, expected):
    assert problems("need", **change) == expected


def test_codes_of_the_tables_are_known():
    make_code(scheme="gbt4754", code="26", title_zh="化学原料")
    make_code(scheme="region", code="LJ", title_zh="澜江市")
    assert problems("need", industry=["26"], region="LJ") == set()
