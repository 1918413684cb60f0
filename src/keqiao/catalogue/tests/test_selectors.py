"""What each kind of actor sees: hidden looks like missing, and a publisher is shown by rule only."""

import pytest

from keqiao.catalogue import selectors
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.catalogue.types import ItemState, Shown
from keqiao.kernel.errors import NotFound
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "seen"), [("draft", False), ("published", True), ("closed", True), ("withdrawn", False)]
)
def test_strangers_see_public_states_only(state, seen):
    achievement, need = make_achievement(state=state), make_need(state=state)
    for actor in (parties.visitor(), make_actor(organisation=make_organisation())):
        assert (list(selectors.achievements_visible_to(actor)) == [achievement]) is seen
        assert (list(selectors.needs_visible_to(actor)) == [need]) is seen


@pytest.mark.parametrize("state", ItemState.values)
def test_owners_and_operators_see_every_state(state):
    achievement, need = make_achievement(state=state), make_need(state=state)
    for actor in (make_operator(), parties.system()):
        assert selectors.get_need(need.code, actor=actor) == need
        assert selectors.get_achievement(achievement.code, actor=actor) == achievement
    assert selectors.get_need(need.code, actor=make_actor(organisation=need.publisher)) == need
    assert selectors.get_achievement(achievement.code, actor=make_actor(organisation=achievement.owner)) == achievement


@pytest.mark.parametrize("code", ["XQ-2026-99999", "", "XQ'; --", "需求"])
def test_missing_is_not_found(code):
    make_need(state="draft", code="XQ-2026-99999")
    with pytest.raises(NotFound):
        selectors.get_need(code, actor=parties.visitor())


@pytest.mark.parametrize(
    ("shown", "matched", "visitor_sees"),
    [
        (Shown.SHOWN, False, True),
        (Shown.HIDDEN, True, False),
        (Shown.MATCHED, False, False),
        (Shown.MATCHED, True, True),
    ],
)
def test_publisher_is_shown_by_rule(shown, matched, visitor_sees):
    need = make_need(publisher_shown=shown)
    seen = selectors.publisher_seen_by(make_actor(organisation=make_organisation()), need, is_matched=matched)
    assert seen == (need.publisher if visitor_sees else None)
    for insider in (make_actor(organisation=need.publisher), make_operator()):
        assert selectors.publisher_seen_by(insider, need) == need.publisher


@pytest.mark.parametrize("shown", [Shown.HIDDEN, Shown.MATCHED])
def test_an_organisations_page_lists_no_anonymous_need(shown):
    need = make_need(publisher_shown=shown)
    named = make_need(publisher=need.publisher)
    assert list(selectors.needs_of_organisation(need.publisher_id, actor=parties.visitor())) == [named]
    own = make_actor(organisation=need.publisher)
    assert set(selectors.needs_of_organisation(need.publisher_id, actor=own)) == {need, named}


def test_lists_keep_the_order_asked_for_and_drop_what_is_hidden():
    first, second, hidden = make_need(), make_need(), make_need(state="draft")
    codes = [second.code, hidden.code, "XQ-0", first.code]
    assert selectors.needs_by_code(codes, actor=parties.visitor()) == [second, first]


def test_counts_by_field_count_published_items_only():
    make_need(field="materials")
    make_need(field="materials", state="draft")
    make_achievement(field="energy")
    assert selectors.open_counts_by_field() == {"materials": (1, 0), "energy": (0, 1)}


@pytest.mark.parametrize("rows", [1, 3])
def test_lists_cost_the_same_queries(rows, django_assert_num_queries):
    for _ in range(rows):
        make_need()
        make_achievement()
    with django_assert_num_queries(2):
        assert [n.texts.all()[0].title for n in selectors.newest_needs(parties.visitor())]
    with django_assert_num_queries(2):
        assert [a.owner.code for a in selectors.newest_achievements(parties.visitor())]
