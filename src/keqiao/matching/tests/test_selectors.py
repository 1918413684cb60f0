import pytest

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.catalogue.types import Shown
from keqiao.kernel.errors import NotFound
from keqiao.matching import selectors
from keqiao.matching.tests.factories import load_rules, make_match
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation

pytestmark = pytest.mark.django_db
visitor = parties.visitor()


def test_unmet_stand_below_all_others_whatever_their_score():
    need = make_need()
    red = make_match(need, score=95, unmet=True)
    low, high = make_match(need, score=40), make_match(need, score=80)
    seen = selectors.matches_of_need(need, actor=visitor)
    assert [m.achievement for m in seen] == [high.achievement, low.achievement, red.achievement]
    assert [m.score == sum(s.points for s in m.arch.stones) for m in seen] == [True] * 3
    assert selectors.count_matches_of_need(need, actor=visitor) == (3, 1)


@pytest.mark.parametrize("side", ["need", "achievement"])
def test_a_match_with_a_hidden_side_is_not_there(side):
    need = make_need(state="draft" if side == "need" else "published")
    achievement = make_achievement(state="draft" if side == "achievement" else "published")
    make_match(need, achievement)
    assert selectors.matches_of_need(need, actor=visitor) == []
    assert selectors.matches_of_achievement(achievement, actor=visitor) == []
    assert selectors.count_matches_of_need(need, actor=visitor) == (0, 0)
    assert selectors.best_bridges(actor=visitor) == []
    with pytest.raises(NotFound):
        selectors.get_match(need.code, achievement.code, actor=visitor)


def test_bridges_join_each_need_and_achievement_once():
    need, achievement = make_need(), make_achievement()
    best = make_match(need, achievement, score=97)
    make_match(need, score=95)
    make_match(achievement=achievement, score=94)
    other = make_match(score=90)
    make_match(score=99, unmet=True)
    assert [m.score for m in selectors.best_bridges(actor=visitor)] == [best.score, other.score]


@pytest.mark.parametrize(
    ("score", "unmet", "shown", "learns"),
    [
        (60, False, Shown.MATCHED, True),
        (59, False, Shown.MATCHED, False),
        (60, True, Shown.MATCHED, False),
        (90, False, Shown.HIDDEN, False),
    ],
)
def test_a_matched_team_learns_the_publisher(score, unmet, shown, learns):
    load_rules()
    need, achievement = make_need(publisher_shown=shown), make_achievement()
    make_match(need, achievement, score=score, unmet=unmet)
    owner = make_actor(organisation=achievement.owner)
    assert selectors.is_matched(need, actor=owner) is learns
    assert selectors.is_matched(need, actor=make_actor(organisation=make_organisation())) is False
    assert selectors.is_matched(need, actor=visitor) is False


@pytest.mark.parametrize("rows", [1, 3])
def test_lists_cost_the_same_queries(rows, django_assert_num_queries):
    need = make_need()
    for _ in range(rows):
        make_match(need)
    with django_assert_num_queries(4):
        for match in selectors.matches_of_need(need, actor=visitor):
            assert match.achievement.owner.code
            assert list(match.achievement.texts.all())
            assert list(match.need.texts.all())
            assert match.need.publisher.code
