import pytest

from keqiao.catalogue import services
from keqiao.catalogue.tests.factories import make_achievement
from keqiao.catalogue.types import ItemState
from keqiao.catalogue.workflow import achievement_workflow
from keqiao.kernel.errors import NotAllowed, WrongState
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("rules")
def test_an_operator_publishes_once():
    achievement = make_achievement(state=ItemState.DRAFT, published_at=None)
    actor = make_operator()
    services.publish_achievement(actor=actor, code=achievement.code)
    with pytest.raises(WrongState):
        services.publish_achievement(actor=actor, code=achievement.code)
    achievement.refresh_from_db()
    assert achievement.state == ItemState.PUBLISHED
    assert [(e.name, e.actor_id, e.is_public) for e in Event.objects.all()] == [
        ("catalogue.achievement_published", actor.person_id, True)
    ]


def test_stranger_learns_nothing_about_the_state():
    """Who comes before when: a stranger is refused in any state."""
    achievement = make_achievement(state=ItemState.CLOSED)
    with pytest.raises(NotAllowed):
        achievement_workflow.check(achievement, "publish", actor=make_actor())


@pytest.mark.parametrize(
    ("state", "actions", "stages"),
    [
        (ItemState.DRAFT, ["publish"], [("draft", "current"), ("published", "ahead"), ("closed", "ahead")]),
        (
            ItemState.PUBLISHED,
            ["expire", "close", "withdraw"],
            [("draft", "done"), ("published", "current"), ("closed", "ahead")],
        ),
        (ItemState.CLOSED, ["withdraw"], [("draft", "done"), ("published", "done"), ("closed", "current")]),
        (ItemState.WITHDRAWN, ["publish"], [("withdrawn", "current")]),
    ],
)
def test_table_gives_actions_and_tracker(state, actions, stages):
    achievement = make_achievement(state=state)
    assert [t.name for t in achievement_workflow.open_to(parties.system(), achievement)] == actions
    assert [(s.state, s.status) for s in achievement_workflow.stages(achievement)] == stages
    assert achievement_workflow.open_to(parties.visitor(), achievement) == []
