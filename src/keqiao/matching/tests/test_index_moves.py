"""An index moves to the other engine while it serves: nothing lost, nothing stale, and back again."""

import pytest

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.models import Achievement
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.matching import index_moves, index_state, indexing, search, shadow
from keqiao.matching.engine import SearchError
from keqiao.matching.index_moves import MoveTrouble
from keqiao.matching.lance import LanceEngine
from keqiao.matching.search import SearchRequest
from keqiao.matching.tests.factories import forget_everything, load_rules
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_operator, user_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(settings, tmp_path, monkeypatch):
    """Seven items indexed in LanceDB; in Milvus' place stands another LanceDB, so that the move alone is tested."""
    settings.DATA_DIR, settings.MILVUS_URI = tmp_path, ""
    monkeypatch.setattr(
        "keqiao.matching.milvus.MilvusEngine", lambda _uri, folder, **_more: LanceEngine(folder / "other")
    )
    monkeypatch.setattr(indexing, "CHUNK", 2)
    forget_everything()
    load_rules()
    words = ("膜分离", "轴承", "锂电池", "气凝胶", "光刻胶")
    items = [make_achievement(title=f"{word}技术", summary=f"{word}的制备与应用研究。") for word in words]
    make_need(title="耐酸膜", problem="膜分离三个月失效。")
    make_need(title="轴承寿命", problem="轴承早期故障无法诊断。")
    indexing.rebuild(quiet)
    settings.MILVUS_URI = "http://milvus.example:19530"
    yield items
    forget_everything()


def quiet(_text):
    pass


def agree():
    """Both sides hold every published item at its revision and nothing else."""
    for kind in indexing.KINDS:
        revisions = dict(catalogue.published_ids(kind).values_list("code", "revision"))
        for side in index_state.ENGINES:
            *right, held = indexing.held_of(kind, side, revisions)
            if not sum(right) == held == len(revisions):
                return False
    return True


def rewrite(item, title):
    item.texts.update(title=title)
    Achievement.objects.filter(pk=item.pk).update(revision=item.revision + 1)
    indexing.update("achievement", [item.pk])


def withdraw(item):
    Achievement.objects.filter(pk=item.pk).update(state="withdrawn", revision=item.revision + 1)
    indexing.update("achievement", [item.pk])


def found(text):
    request = SearchRequest(q=text)
    return [hit.item.code for hit in search.search(request, actor=parties.visitor()).items]


def test_a_site_moves_serves_from_there_goes_back_and_ends(site):
    assert index_state.serving().engine == "lance"  # the setting alone changes nothing
    assert index_state.serving_elsewhere()  # and `keqiao doctor` says so
    before = found("膜分离")
    sides = index_moves.carry("milvus", quiet)
    assert agree()
    assert (sides.move.is_filled, sides.move.compared.overlap, sides.has_switched) == (True, 1.0, False)
    assert sides.move.compared.searches == 7
    assert index_moves.switch_over().engine == "milvus"
    assert found("膜分离") == before
    rewrite(site[1], "滚动轴承声发射诊断")
    withdraw(site[2])
    new = make_achievement(title="陶瓷膜", summary="管式陶瓷膜。")
    indexing.update("achievement", [new.pk])
    assert agree()  # the way back stays true
    assert index_moves.switch_over(back=True).engine == "lance"
    assert site[2].code not in found("锂电池")
    assert new.code in found("陶瓷膜")
    index_moves.switch_over()
    index_moves.finish()
    assert index_moves.under_way() is None
    assert index_state.engine_of("lance").resolve("achievements_v1") is None
    assert new.code in found("陶瓷膜")


def test_changes_between_the_chunks_reach_both_sides(site):
    def meanwhile(text):
        if text.startswith("achievements: 2 "):
            rewrite(site[0], "界面聚合膜")  # carried already
            rewrite(site[4], "极紫外光刻胶")  # not yet
            withdraw(site[1])
            late = make_achievement(title="石墨毡电极", summary="钒电池用石墨毡。")
            indexing.update("achievement", [late.pk])

    index_moves.carry("milvus", meanwhile)
    assert agree()


def test_what_changed_while_it_was_filled_and_waits_for_its_job_is_brought_to_both(site):
    """The chunks read what is there now; the side that serves hears of it from a job, minutes later perhaps."""

    def meanwhile(text):
        seen.append(text)
        if text.startswith("achievements: 2 "):
            Achievement.objects.filter(pk__in=[site[0].pk, site[3].pk]).update(revision=9)  # carried, and not yet
            Achievement.objects.filter(pk__in=[site[1].pk, site[4].pk]).update(state="withdrawn", revision=9)

    seen = []
    index_moves.carry("milvus", meanwhile)
    assert not any("anew" in text for text in seen)
    indexing.update("achievement", [item.pk for item in site])  # their jobs
    assert agree()
    assert index_moves.switch_over().engine == "milvus"


def test_a_killed_fill_goes_on_after_its_last_chunk(site):
    seen = []

    def killed(text):
        seen.append(text)
        if text.startswith("achievements: 4 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_moves.carry("milvus", killed)
    assert indexing.other_side("achievement") is None  # no shadow asks what is half filled
    seen.clear()
    index_moves.carry("milvus", seen.append)
    assert seen[0] == "achievements: 1 carried over"  # one of five was left
    assert agree()


def test_a_writer_killed_between_the_two_sides_is_made_good(site, monkeypatch):
    def change_one_side(change, *given):
        with monkeypatch.context() as patched:
            patched.setattr(indexing, "_update_other", killed)
            with pytest.raises(KeyboardInterrupt):
                change(*given)
        assert not agree()

    def killed(*_):
        raise KeyboardInterrupt

    def meanwhile(text):
        if text.startswith("achievements: 2 "):
            change_one_side(rewrite, site[0], "界面聚合膜")
            change_one_side(withdraw, site[1])

    seen = []
    index_moves.carry("milvus", lambda text: (seen.append(text), meanwhile(text)))
    assert agree()
    assert not any("anew" in text for text in seen)
    change_one_side(rewrite, site[2], "固态锂电池")
    assert index_moves.switch_over().engine == "milvus"
    assert agree()
    change_one_side(withdraw, site[3])
    indexing.update("achievement", [site[3].pk])  # its job, taken up again
    assert agree()
    assert index_moves.under_way().move.unsure == {"achievement": []}


def test_what_the_side_that_serves_leaves_for_later_the_other_does_not_get_before(site):
    index_moves.carry("milvus", quiet)
    with index_state.engine_of("lance")._locked("changes.lock"):  # as it may be while it is kept up
        Achievement.objects.filter(pk=site[0].pk).update(revision=site[0].revision + 1)
        Achievement.objects.filter(pk=site[1].pk).update(state="withdrawn")
        assert indexing.update("achievement", [site[0].pk, site[1].pk], waits=False).left == [site[0].pk, site[1].pk]
    assert index_moves.switch_over().engine == "milvus"  # which waits for no change
    indexing.update("achievement", [site[0].pk, site[1].pk])
    assert agree()


def test_a_side_that_does_not_follow_is_filled_anew_and_holds_up_nobody(site, monkeypatch):
    index_moves.carry("milvus", quiet)
    other = index_state.engine_of("milvus")

    def away(*_):
        raise SearchError("away")

    with monkeypatch.context() as patched:
        patched.setattr(other, "upsert", away)
        rewrite(site[0], "界面聚合膜")
    assert indexing.differences("achievement") == (0, 0)
    assert index_moves.under_way().move.trouble == "SearchError"
    with pytest.raises(MoveTrouble, match="not filled"):
        index_moves.switch_over()
    withdraw(site[1])  # the other side does not hear of it
    index_moves.carry("milvus", quiet)
    assert agree()
    assert index_moves.switch_over().engine == "milvus"


def test_a_rebuild_ends_the_move(site):
    index_moves.carry("milvus", quiet)
    indexing.rebuild(quiet)
    assert index_moves.under_way() is None
    assert (index_state.serving().version, index_state.serving().engine) == (2, "lance")
    assert index_state.engine_of("milvus").resolve("achievements_v1") is None


def test_steps_out_of_order_say_what_is_missing(site, settings):
    for step in (index_moves.switch_over, index_moves.finish):
        with pytest.raises(MoveTrouble, match="no move is under way"):
            step()
    with pytest.raises(MoveTrouble, match="lies in lance already"):
        index_moves.carry("lance", quiet)
    index_moves.carry("milvus", quiet)
    with pytest.raises(MoveTrouble, match="serves already"):
        index_moves.switch_over(back=True)
    with pytest.raises(MoveTrouble, match="--finish"):
        index_moves.carry("lance", quiet)
    index_moves.finish()
    settings.MILVUS_URI = ""
    with pytest.raises(MoveTrouble, match="set MILVUS_URI"):
        index_moves.carry("milvus", quiet)


def test_a_visitors_search_is_asked_of_both_and_nothing_of_it_is_kept(site, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(shadow, "_pool", Now())
    monkeypatch.setattr(shadow, "WRITTEN_EVERY", -1.0)
    found("膜分离")
    assert shadow.found().searches == 0  # nothing moves
    index_moves.carry("milvus", quiet)
    found("轴承")
    found("轴承")  # kept, asked of nobody
    tally = shadow.found()
    assert (tally.searches, tally.share, tally.same_first, tally.failed) == (1, 1.0, 1, 0)
    monkeypatch.setattr(index_state.engine_of("milvus"), "lexical", None)
    assert found("锂电池")
    assert (shadow.found().searches, shadow.found().failed) == (1, 1)
    assert [(line.message, line.exc_info) for line in caplog.records if line.name == shadow.__name__] == [
        ("a shadow search failed", None)
    ]
    assert all("轴承" not in file.read_text() for file in (tmp_path / "index" / "shadow").iterdir())


def test_a_search_does_not_wait_for_a_shadow(site, monkeypatch):
    index_moves.carry("milvus", quiet)
    monkeypatch.setattr(shadow, "_pool", Never())
    assert found("轴承")
    assert found("锂电池")  # the first shadow is still asked
    shadow._one.release()
    assert len(Never.given) == 1


class Now:
    def submit(self, work, *given):
        work(*given)


class Never:
    given: list = []

    def submit(self, work, *_given):
        self.given.append(work)


def test_operators_see_how_far_it_is(site, client):
    client.force_login(user_of(make_operator()))
    assert "索引从" not in client.get("/admin/health").content.decode()
    index_moves.carry("milvus", quiet)
    text = client.get("/admin/health").content.decode()
    assert "索引从 lance 搬到 milvus" in text
    assert "7 次检索，前十位相同 100.0 %" in text
    index_moves.switch_over()
    assert "已切换，可以退回" in client.get("/admin/health").content.decode()


def test_a_side_that_lost_something_gets_it_again_and_one_that_lost_much_is_filled_anew(site, monkeypatch):
    index_moves.carry("milvus", quiet)
    index_state.engine_of("milvus").delete("achievements_v1", [site[3].code])
    assert index_moves.switch_over().engine == "milvus"
    assert agree()
    index_moves.switch_over(back=True)
    index_state.engine_of("milvus").delete("achievements_v1", [site[3].code])
    monkeypatch.setattr(index_moves, "LATE_MOST", 0)
    with pytest.raises(MoveTrouble, match="achievements 4/4 : 5/5"):
        index_moves.switch_over()
    seen = []
    index_moves.carry("milvus", seen.append)
    assert "filled anew" in seen[0]
    assert agree()


def test_a_change_that_waits_for_its_job_holds_up_nothing(site):
    index_moves.carry("milvus", quiet)
    Achievement.objects.filter(pk=site[0].pk).update(revision=site[0].revision + 1)
    assert index_moves.switch_over().engine == "milvus"
    indexing.update("achievement", [site[0].pk])
    assert agree()
