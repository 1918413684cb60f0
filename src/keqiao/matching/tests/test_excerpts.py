"""What is kept of an item beside it: the same as what is read of it, and never old."""

import hashlib
import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keqiao.catalogue import services as catalogue
from keqiao.catalogue.models import Achievement, AchievementText, Need
from keqiao.catalogue.services import AchievementDraft
from keqiao.catalogue.tests.factories import make_achievement, make_code, make_need
from keqiao.matching import excerpts, indexing, passages, scoring, search, tasks
from keqiao.matching.dense import train
from keqiao.matching.gathering import regions
from keqiao.matching.known import FORMAT, as_known, packed, unpacked
from keqiao.matching.models import Excerpt
from keqiao.matching.passages import TextOffers, read_offers
from keqiao.matching.reading import measuring
from keqiao.matching.retrieval import document_tokens
from keqiao.matching.search import SearchRequest
from keqiao.matching.stones import arch_to_json
from keqiao.matching.tests.factories import forget_everything, load_rules
from keqiao.matching.types import AchievementFacts, TextPart
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_organisation

QUESTION = "耐酸纳滤膜 通量≥15 LMH/bar 独占许可 30万元以内"
FLUX = {"name_zh": "纯水通量", "name_en": "Flux", "unit": "LMH/bar"}
BOTH = {
    "zh": {
        "title": "耐酸纳滤膜",
        "summary": "在 pH 1 下稳定的纳滤膜。通量 18.2 LMH/bar；寿命 3 年。",
        "how": "三嗪环分离层。",
    },
    "en": {
        "title": "Acid-proof membrane",
        "summary": "Stable at pH 1. The flux is 18.2 LMH/bar.",
        "incumbent": "Weak.",
    },
}


@pytest.fixture
def items(db, settings, tmp_path):
    """Of each kind one with everything in it and one with next to nothing; indexed, and nothing kept yet."""
    settings.DATA_DIR = tmp_path
    forget_everything()
    load_rules()
    make_code(scheme="region", code="430000", title_zh="湖南省", title_en="Hunan")
    make_code(scheme="region", code="430100", title_zh="长沙市", title_en="Changsha", parent="430000")
    offer = {**FLUX, "value": "18.20000000", "evidence": "third_party", "evidence_zh": "检测报告"}
    span = {
        "name_zh": "温度",
        "unit": "℃",
        "comparator": "range",
        "value": "-20",
        "high": "1500.5",
        "condition_zh": "干燥",
    }
    full = make_achievement(
        texts=BOTH, indicators=[offer, span], ipc=["B01D 71/56"], industry=["C26"], keywords_zh=["纳滤", "膜"],
        keywords_en=["membrane"], trl=6, trl_evidence_zh=["中试", "报告"], modes=["license_exclusive"], region="430100",
        price_kind="amount", price_low=100_000_00, price_high=300_000_00,
    )  # fmt: skip
    bare = make_achievement(title="陶瓷膜", summary="管式陶瓷纳滤膜，通量达到 9 LMH/bar。", lang="zh")
    wanted = {**FLUX, "target": "15", "comparator": ">=", "current": "7.5", "condition_en": "at 25 °C"}
    need = make_need(
        texts={"zh": {"title": "耐酸纳滤膜", "problem": "现用膜三个月失效。", "tried": "换过膜。"}},
        indicators=[wanted, {**wanted, "name_zh": "寿命", "target": "3E3", "current": None, "is_must": False}], trl_min=5,
        modes=["transfer"], region="430000", region_wish="local", deadline=date(2027, 3, 31), keywords_zh=["膜"],
        price_kind="amount", price_low=1, price_high=2,
    )  # fmt: skip
    plain = make_need(title="Membranes for acid", problem="They fail within months.", lang="en")
    indexing.rebuild(lambda text: None)
    yield {"achievement": [full, bare], "need": [need, plain]}
    forget_everything()
    shutil.rmtree(tmp_path, ignore_errors=True)


def codes(items, kind):
    return [item.code for item in items[kind]]


def keep_all(items):
    for kind, found in items.items():
        excerpts.keep(kind, [item.pk for item in found], indexing.model())


def plain(known):
    """Everything that is known of an item, to be compared."""
    passages = known.passages
    vectors = None if passages.vectors is None else (passages.vectors.dtype, passages.vectors.tolist())
    arrays = [(one.dtype, one.tolist()) for one in (passages.prints, passages.owners)]
    return (
        known.revision,
        known.facts,
        tuple(known.facts.indicators),
        known.model,
        passages.parts,
        passages.places,
        arrays,
        vectors,
    )


def everything(items, model):
    return {kind: [plain(one) for one in sorted_read(items, kind, model)] for kind in items}


def sorted_read(items, kind, model):
    return sorted(excerpts.read(kind, codes(items, kind), model), key=lambda one: one.facts.code)


def test_a_row_gives_back_what_is_read_of_the_item(items):
    other = train([document_tokens("膜", "耐酸纳滤膜"), document_tokens("通量", "膜的通量")] * 3)
    models = [indexing.model(), other, None]  # of another model the meanings are told anew; without one there are none
    fresh = [everything(items, model) for model in models]
    assert fresh[0]["achievement"][0][1].region_path == ("430000", "430100")
    keep_all(items)
    Achievement.objects.filter(code=codes(items, "achievement")[0]).update(trl=9)  # so that reading it anew would show
    AchievementText.objects.all().delete()
    assert [everything(items, model) for model in models] == fresh


def test_after_a_rebuild_only_the_meanings_are_made_anew(items, django_assert_num_queries):
    keep_all(items)
    other = train([document_tokens("膜", "耐酸纳滤膜"), document_tokens("通量", "膜的通量")] * 3)
    fresh = everything(items, other)
    stale = items["achievement"][1]
    Excerpt.objects.filter(achievement=stale).update(format=FORMAT - 1)
    Achievement.objects.filter(pk=items["achievement"][0].pk).update(trl=9)  # so that reading it anew would show
    for kind in items:
        assert excerpts.keep_lacking(kind, other, after=0, most=10) == 0
        assert excerpts.lacking(kind, other, after=0, most=10) == []
    assert everything(items, other) == fresh
    assert Excerpt.objects.filter(model=other.version, format=FORMAT).count() == Excerpt.objects.count() == 4
    ids = [item.pk for item in items["need"]]
    with django_assert_num_queries(2):  # the rows and their writing; no item is read
        assert excerpts.retell("need", ids, indexing.model()) == set(ids)


def test_a_search_costs_two_looks_for_what_is_in_no_memory(items, django_assert_num_queries):
    found = codes(items, "achievement")
    keep_all(items)
    scoring.items("achievement", found)  # the region table is in memory
    scoring._kept.clear()
    with django_assert_num_queries(2):  # the present revisions, and the rows
        assert [one.facts.code for one in scoring.items("achievement", found)] == found
    with django_assert_num_queries(1):
        scoring.items("achievement", found)


def test_arches_and_their_order_are_the_same(items):
    def seen():
        scoring._kept.clear()
        scoring._answers.clear()
        found = search.search(SearchRequest(q=QUESTION), actor=parties.visitor())
        need = items["need"][0]
        matches = scoring.matches_of_need(need, least=0, most=10)
        return (
            [(one.item.code, one.arch and arch_to_json(one.arch), one.passages) for one in found.items],
            [(code, arch_to_json(arch)) for code, (_, arch) in matches.items()],
        )

    fresh = seen()
    assert [len(part) for part in fresh] == [2, 1]
    keep_all(items)
    assert Excerpt.objects.count() == 4
    assert seen() == fresh


@pytest.mark.parametrize("change", [{"revision": 7}, {"format": FORMAT + 1}])
def test_a_row_of_another_revision_or_format_is_not_used(items, change):
    keep_all(items)
    fresh = everything(items, indexing.model())
    Excerpt.objects.update(content=b"", **change)
    assert everything(items, indexing.model()) == fresh
    assert len(excerpts.lacking("need", indexing.model(), after=0, most=9)) == 2


def test_a_changed_item_is_read_anew_until_its_row_follows(items):
    keep_all(items)
    item = items["achievement"][1]
    draft = AchievementDraft({"trl": 8}, {"zh": {"title": "新", "summary": "新膜。"}})
    catalogue.rewrite_achievement(actor=parties.system(), code=item.code, draft=draft)
    (known,) = excerpts.read("achievement", [item.code], indexing.model())
    assert (known.facts.title, known.facts.trl, known.revision) == ("新", 8, 2)
    indexing.update("achievement", [item.pk])
    assert not Excerpt.objects.filter(achievement=item).exists()  # its words go at once; a new row is less urgent
    tasks.compute_matches.func(kind="achievement", ids=[item.pk])
    row = Excerpt.objects.get(achievement=item)
    assert row.revision == 2
    assert "新膜" in bytes(row.content).decode(errors="ignore")


def test_what_is_no_longer_public_is_not_read_and_its_row_goes(items):
    keep_all(items)
    item = items["need"][0]
    catalogue.withdraw_need(actor=parties.system(), code=item.code)
    assert excerpts.read("need", [item.code], indexing.model()) == []
    indexing.update("need", [item.pk])
    assert not Excerpt.objects.filter(need=item).exists()


def test_the_job_makes_what_is_lacking_and_takes_away_what_nobody_may_see(items, monkeypatch):
    deferred = []
    monkeypatch.setattr(tasks.keep_excerpts, "defer", lambda **what: deferred.append(what))
    monkeypatch.setattr(tasks, "EXCERPTS", 1)
    keep_all({"need": items["need"]})
    Need.objects.filter(pk=items["need"][0].pk).update(state="withdrawn")  # and no job has heard of it
    tasks.find_lacking_excerpts(timestamp=0)
    assert deferred == [{"kind": "achievement", "after": 0}]
    while deferred:
        tasks.keep_excerpts(**deferred.pop())
    rows = Excerpt.objects.values_list("achievement__code", "need__code")
    assert set(rows) == {*((code, None) for code in codes(items, "achievement")), (None, items["need"][1].code)}
    tasks.find_lacking_excerpts(timestamp=0)
    assert deferred == []


def test_who_publishes_is_not_in_a_row(items):
    shy = make_need(
        publisher=make_organisation(kind="enterprise", name_zh="隐名膜业公司"), title="求膜", problem="求耐酸膜。"
    )
    tasks.compute_matches.func(kind="need", ids=[shy.pk])
    content = bytes(Excerpt.objects.get(need=shy).content)
    assert "求耐酸膜".encode() in content
    assert "隐名膜业".encode() not in content
    assert shy.publisher.code.encode() not in content


class NoRegions:
    def path(self, _code):
        return ()


words = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.tuples(st.sampled_from(["zh", "en"]), words.filter(bool)), max_size=6),
    trl=st.none() | st.integers(1, 9),
)
def test_any_text_comes_back(parts, trl):
    parts = tuple(TextPart(lang, "summary", text) for lang, text in parts)
    text = "\n".join(part.text for part in parts)
    facts = replace(AchievementFacts("CG-1", "膜", text, parts=parts, trl=trl), indicators=TextOffers(text))
    known = as_known(facts, 3, None)
    assert plain(unpacked(packed(known), 3, "", NoRegions(), None)) == plain(known)


def test_the_format_is_raised_with_every_change_of_what_is_read(items):
    """When this fails, what is read of items has changed: raise FORMAT, so that rows made before are made anew, and put the
    new hashes here.
    """
    made = []
    for kind in ("achievement", "need"):
        item = items[kind][0]
        item.code = "X-1"
        made.append(packed(as_known(excerpts.FACTS[kind](item, regions()), 1, None)))
    some = measuring.SETS[: measuring.SETS.index("seventeenth-test")]  # later rounds may be added
    sentences = [row["text"] for name in some for row in measuring.sentences(name)]
    made.append(repr([read_offers(text) for text in sentences[::8]]).encode())
    assert (FORMAT, *(hashlib.sha256(one).hexdigest()[:16] for one in made)) == (
        3,
        "34326ba1ab4f446f",
        "404ee0cbd548025c",
        "732fd6ff2a0c955b",
    )


def test_figures_of_a_text_are_read_once_and_then_kept(items, monkeypatch):
    bare = items["achievement"][1].code
    (fresh,) = excerpts.read("achievement", [bare], indexing.model())
    offers = tuple(fresh.facts.indicators)
    assert [(one.value, one.unit) for one in offers] == [(9, "LMH/bar")]
    keep_all(items)
    monkeypatch.setattr(passages, "text_figures", None)
    (known,) = excerpts.read("achievement", [bare], indexing.model())
    assert tuple(known.facts.indicators) == offers
    assert known.facts == fresh.facts


def test_vectors_are_those_of_the_model_that_made_them(items):
    keep_all(items)
    known = sorted_read(items, "achievement", indexing.model())[0]
    assert known.passages.vectors.dtype == np.float16
    assert known.passages.vectors.shape == (len(known.passages.places), indexing.model().dims)
