"""A site whose index lies in Milvus: the same pages' searches, changes seen, and the way back to LanceDB."""

import pytest

from keqiao.catalogue.models import Achievement
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.matching import indexing, search, services
from keqiao.matching.models import Match
from keqiao.matching.search import SearchRequest
from keqiao.matching.tests.factories import forget_everything, load_rules
from keqiao.matching.tests.milvus_server import MilvusServer
from keqiao.parties import selectors as parties

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def found(text, **facets):
    request = SearchRequest(q=text, facets={name: (value,) for name, value in facets.items()})
    return [hit.item.code for hit in search.search(request, actor=parties.visitor()).items]


@pytest.fixture
def on_milvus(settings, tmp_path):
    """A server of its own in any case: a site's names are the same everywhere, and another's index is left alone."""
    with MilvusServer(tmp_path / "milvus") as server:
        settings.DATA_DIR, settings.MILVUS_URI, settings.MILVUS_CONSISTENCY = tmp_path, server.uri, "Strong"
        forget_everything()
        load_rules()
        yield settings
        forget_everything()


def test_a_site_searches_follows_changes_and_goes_back(on_milvus):
    membrane = make_achievement(
        title="耐酸纳滤膜", summary="用于酸性浸出液提锂的耐酸纳滤膜。", field="materials", trl=6
    )
    make_achievement(title="轴承诊断", summary="风电轴承早期故障的声发射诊断。", field="equipment", trl=7)
    hidden = make_achievement(title="耐酸纳滤膜配方", summary="未公开的耐酸纳滤膜。", state="draft")
    need = make_need(title="耐酸纳滤膜的涂覆", problem="酸性浸出液提锂，现用纳滤膜三个月失效。")
    indexing.rebuild(lambda _text: None)
    assert found("耐酸纳滤膜 提锂")[0] == membrane.code
    assert hidden.code not in found("耐酸纳滤膜")
    assert found("耐酸纳滤膜", field="equipment") == []
    assert indexing.differences("achievement") == (0, 0)
    services.compute_matches(actor=parties.system(), kind="need", item_id=need.pk)
    assert membrane.pk in set(Match.objects.values_list("achievement_id", flat=True))

    late = make_achievement(title="陶瓷纳滤膜元件", summary="管式陶瓷纳滤膜，耐酸。", field="materials")
    indexing.update("achievement", [late.pk])
    assert late.code in found("陶瓷纳滤膜")
    Achievement.objects.filter(pk=late.pk).update(state="withdrawn", revision=late.revision + 1)
    indexing.update("achievement", [late.pk])
    assert indexing.differences("achievement") == (0, 0)
    assert late.code not in found("陶瓷纳滤膜")

    indexing.rebuild(lambda _text: None)
    assert indexing.serving().version == 2
    on_milvus.MILVUS_URI = ""
    forget_everything()
    assert indexing.serving() is None  # what lies in the other engine does not serve
    indexing.rebuild(lambda _text: None)
    assert found("耐酸纳滤膜 提锂")[0] == membrane.code
