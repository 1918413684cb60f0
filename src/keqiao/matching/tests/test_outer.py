"""An embedding model beside our own: what is sent to it, what happens when it fails, changes or goes."""

import json
import shutil

import numpy as np
import pytest

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.inference.gateways import MemoryModels, Trouble
from keqiao.inference.models import Circuit
from keqiao.inference.tests.factories import use_embeddings
from keqiao.inference.types import ModelUnavailable
from keqiao.matching import indexing, outer, scoring, services, stale, tasks
from keqiao.matching.drafts import matches_of_draft
from keqiao.matching.outer import OuterLeg
from keqiao.matching.ranking.features import NAMES
from keqiao.matching.ranking.model import RankingModel
from keqiao.matching.search import SearchRequest, search
from keqiao.matching.tests.factories import forget_everything, load_rules
from keqiao.matching.types import Reach
from keqiao.parties import selectors as parties

pytestmark = pytest.mark.django_db
TROUBLE = Trouble("timeout", may_pass=False)


def quiet(_text):
    pass


@pytest.fixture
def city(settings, tmp_path):
    """Three published items, one that is not, an empty folder, no model set up yet."""
    settings.DATA_DIR = tmp_path
    forget_everything()
    load_rules()
    rows = {
        "membrane": make_achievement(summary="acid resistant nanofiltration membrane for lithium brine"),
        "glue": make_achievement(summary="water based glue for wood panels"),
        "need": make_need(problem="membrane that withstands acid brine"),
        "draft": make_achievement(summary="secret membrane nobody may see", state="draft"),
    }
    yield rows
    forget_everything()
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_two_parts_make_one_product():
    leg = OuterLeg("m", 2)
    own, other = np.array([0.6, 0.8], np.float32), np.array([1.0, 0.0], np.float32)
    document = leg.joined(own, other, 2)
    assert document @ document == pytest.approx(1)
    assert document @ leg.joined(own, None, 2) == pytest.approx(1 - outer.SHARE)
    alone, has_outer = leg.query("text", own, 2, Reach.PUBLIC)  # no provider is set
    assert (document @ alone, has_outer) == (pytest.approx(1), False)  # the cosine of our own model
    assert leg.joined(None, None, 2) is None


def test_the_index_takes_the_models_vectors_and_names_the_model(city, settings):
    use_embeddings(settings)
    indexing.rebuild(quiet)
    state = json.loads((indexing.folder() / "serving.json").read_text())
    assert (state["outer"].split("-")[0], state["outer_dims"]) == ("vectors", 64)
    assert not any("secret" in text for text in MemoryModels.sent)
    assert scoring.nearest("achievement", "acid brine membrane", 5, reach=Reach.PUBLIC)[0] == city["membrane"].code
    assert "acid brine membrane" in MemoryModels.sent
    assert state["outer"] in scoring.version()


def test_without_a_provider_nothing_is_different(city):
    indexing.rebuild(quiet)
    assert indexing.serving().outer == ""
    assert indexing.retriever("achievement").outer is None
    assert indexing.follows_provider()


def test_only_what_is_public_is_sent_to_make_vectors(city, settings):
    use_embeddings(settings)
    indexing.rebuild(quiet)
    before = list(MemoryModels.sent)
    visitor = parties.visitor()
    search(SearchRequest(kind="achievement", q="typed words about brine"), actor=visitor)
    content = {"texts": {"zh": {"title": "draft about brine", "problem": "membrane that is still our secret"}}}
    assert matches_of_draft("need", content, actor=visitor).is_ready
    assert MemoryModels.sent == before
    settings.EMBEDDINGS_SEARCHES = True
    search(SearchRequest(kind="achievement", q="typed words about brine"), actor=visitor)
    matches_of_draft("need", content, actor=visitor)
    assert len(MemoryModels.sent) == len(before) + 1
    assert "typed words about brine" in MemoryModels.sent[-1]


def test_a_search_goes_on_while_the_model_fails(city, settings, caplog):
    use_embeddings(settings, searches=True)
    indexing.rebuild(quiet)
    MemoryModels.troubles = [TROUBLE]
    found = scoring.nearest("achievement", "lithium brine", 5, reach=Reach.TYPED)
    assert found[0] == city["membrane"].code
    assert "searching without the outer model" in caplog.text


def test_a_rebuild_goes_on_without_the_model_and_the_job_takes_it_up_later(city, settings):
    use_embeddings(settings)
    MemoryModels.troubles = [TROUBLE]
    indexing.rebuild(quiet)
    assert (indexing.serving().outer, indexing.follows_provider()) == ("", False)
    MemoryModels.troubles = [TROUBLE]
    tasks.follow_provider(timestamp=0)  # it still fails: nothing changes
    assert (indexing.serving().version, indexing.serving().outer) == (1, "")
    tasks.follow_provider(timestamp=0)
    assert (indexing.serving().version, indexing.serving().outer) == (2, outer.name())
    tasks.follow_provider(timestamp=0)
    assert indexing.serving().version == 2
    MemoryModels.troubles = [TROUBLE]
    settings.EMBEDDINGS_MODEL = "vectors-2"
    with pytest.raises(ModelUnavailable):
        indexing.rebuild(quiet, needs_outer=True)


def test_another_model_is_not_asked_for_an_index_of_the_old_one(city, settings):
    use_embeddings(settings, searches=True)
    indexing.rebuild(quiet)
    settings.EMBEDDINGS_MODEL = "vectors-2"
    sent = len(MemoryModels.sent)
    assert scoring.nearest("achievement", "lithium brine", 5, reach=Reach.TYPED)[0] == city["membrane"].code
    assert len(MemoryModels.sent) == sent
    assert not indexing.follows_provider()
    settings.EMBEDDINGS_URL = ""
    assert scoring.nearest("achievement", "lithium brine", 5)[0] == city["membrane"].code
    tasks.follow_provider(timestamp=0)
    assert indexing.serving().outer == ""


def test_an_item_is_published_while_the_model_fails_and_gets_its_vector_later(city, settings):
    use_embeddings(settings)
    indexing.rebuild(quiet)
    new = make_achievement(summary="ceramic valve for hot acid")
    MemoryModels.troubles = [TROUBLE]
    assert not indexing.update("achievement", [new.pk]).is_whole
    assert new.code in scoring.nearest("achievement", "ceramic valve", 5)
    assert indexing.update("achievement", [new.pk]).is_whole


def test_matches_are_computed_in_a_command_that_asks_nobody(city, settings):
    use_embeddings(settings)
    indexing.rebuild(quiet)
    sent = len(MemoryModels.sent)
    services.compute_matches(actor=parties.system(), kind="need", item_id=city["need"].pk)
    assert len(MemoryModels.sent) == sent  # not kept yet: computed without
    scoring.prepare("need", [city["need"].pk])
    assert len(MemoryModels.sent) == sent + 1
    services.compute_matches(actor=parties.system(), kind="need", item_id=city["need"].pk)
    assert len(MemoryModels.sent) == sent + 1


def test_matches_of_another_model_are_stale(city, settings):
    indexing.rebuild(quiet)
    services.compute_matches(actor=parties.system(), kind="need", item_id=city["need"].pk)
    assert stale.needs_to_compute() == []
    use_embeddings(settings)
    indexing.rebuild(quiet)
    assert stale.needs_to_compute() == [city["need"].pk]


def test_the_learned_order_is_left_out_where_the_model_took_part(city, settings, monkeypatch):
    weights = np.zeros((len(NAMES), 3), dtype=np.float32)
    weights[NAMES.index("fused"), 0] = -1.0  # a model that turns the order round
    for pump in ("pump", "pump pump"):  # long enough to count as English beside the factory's Chinese words
        make_achievement(summary="A membrane that withstands acid for plants at the coast. " * 6 + pump)
    use_embeddings(settings)
    indexing.rebuild(quiet)
    retriever, text = indexing.retriever("achievement"), "acid membrane pump"
    monkeypatch.setattr(retriever, "ranking", RankingModel(weights, "turned"))
    found = [hit.code for hit in retriever.candidates(text, reach=Reach.PUBLIC)]
    assert [hit.code for hit in retriever.search(text, reach=Reach.PUBLIC)] == found
    without = [hit.code for hit in retriever.candidates(text)]
    assert [hit.code for hit in retriever.search(text)] != without


def test_while_it_rests_a_search_does_not_wait_for_it(city, settings):
    use_embeddings(settings, searches=True)
    indexing.rebuild(quiet)
    MemoryModels.troubles = [TROUBLE] * 5
    for n in range(5):
        scoring.nearest("achievement", f"brine {n}", 5, reach=Reach.TYPED)
    sent = len(MemoryModels.sent)
    scoring.nearest("achievement", "another brine", 5, reach=Reach.TYPED)
    assert (len(MemoryModels.sent), Circuit.objects.get().failures) == (sent, 5)
