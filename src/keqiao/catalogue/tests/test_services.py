import pytest
from django.db import IntegrityError, transaction

from keqiao.catalogue import services
from keqiao.catalogue.models import Achievement, Code, IPAsset, Need, TrueLink
from keqiao.catalogue.services import AchievementDraft, NeedDraft
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.catalogue.types import ItemState
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_organisation

pytestmark = pytest.mark.django_db


def achievement_draft(owner, **fields):
    return AchievementDraft(
        fields={"owner_id": owner.pk, "trl": 6, "modes": ["license_exclusive"], **fields},
        texts={
            "zh": {"title": "耐酸纳滤膜", "summary": "在 pH 1 下稳定。"},
            "en": {"title": "Membrane", "summary": "Stable."},
        },
        indicators=[{"name_zh": "纯水通量", "value": "18.2", "unit": "LMH/bar"}],
        team=[{"name_zh": "林若川"}],
    )


def need_draft(publisher, **fields):
    return NeedDraft(
        fields={"publisher_id": publisher.pk, **fields},
        texts={"zh": {"title": "耐酸膜的涂覆", "problem": "三个月失效。"}},
        indicators=[{"name_zh": "纯水通量", "target": "15", "comparator": ">=", "unit": "LMH/bar"}],
    )


def test_owner_adds_a_draft_with_everything_in_it():
    owner = make_organisation(kind="university")
    achievement = services.add_achievement(actor=make_actor(organisation=owner), draft=achievement_draft(owner))
    achievement.refresh_from_db()
    assert (
        achievement.state,
        achievement.code[:8],
        sorted(achievement.texts.values_list("lang", "title")),
        [(str(i), str(i.value.normalize()), i.unit) for i in achievement.indicators.all()],
        [m.name_zh for m in achievement.team.all()],
        list(Event.objects.values_list("name", flat=True)),
    ) == (
        ItemState.DRAFT,
        f"CG-{clock.today().year}-",
        [("en", "Membrane"), ("zh", "耐酸纳滤膜")],
        [("纯水通量", "18.2", "LMH/bar")],
        ["林若川"],
        ["catalogue.achievement_added"],
    )


@pytest.mark.parametrize(
    "add",
    [
        lambda of: services.add_achievement(
            actor=make_actor(organisation=make_organisation()), draft=achievement_draft(of)
        ),
        lambda of: services.add_need(actor=parties.visitor(), draft=need_draft(of)),
    ],
)
def test_nobody_adds_for_others(add):
    organisation = make_organisation()
    with pytest.raises(NotAllowed):
        add(organisation)
    assert (Achievement.objects.count(), Need.objects.count(), Event.objects.count()) == (0, 0, 0)


@pytest.mark.usefixtures("rules")
def test_publishing_and_withdrawing_a_need():
    publisher = make_organisation()
    actor = make_actor(organisation=publisher)
    need = services.add_need(actor=actor, draft=need_draft(publisher))
    with pytest.raises(NotAllowed):
        services.publish_need(actor=actor, code=need.code)  # what becomes public was reviewed by the platform
    services.publish_need(actor=parties.system(), code=need.code)
    first = Need.objects.get().published_at
    services.withdraw_need(actor=actor, code=need.code)
    with pytest.raises(WrongState):
        services.withdraw_need(actor=actor, code=need.code)
    services.publish_need(actor=parties.system(), code=need.code)
    need.refresh_from_db()
    assert (need.state, need.published_at, need.revision) == (ItemState.PUBLISHED, first, 4)


def test_a_strangers_draft_is_missing_and_not_forbidden():
    achievement = make_achievement(state=ItemState.DRAFT)
    with pytest.raises(NotFound):
        services.publish_achievement(actor=make_actor(), code=achievement.code)


def test_refused_withdrawal_leaves_the_revision():
    achievement = make_achievement(state=ItemState.WITHDRAWN)
    actor = make_actor(organisation=achievement.owner)
    with pytest.raises(WrongState):
        services.withdraw_achievement(actor=actor, code=achievement.code)
    achievement.refresh_from_db()
    assert (achievement.revision, Event.objects.count()) == (1, 0)


def test_a_batch_is_one_event_and_all_or_nothing():
    owner = make_organisation(kind="university")
    drafts = [achievement_draft(owner, external_id=f"x:{n}") for n in range(3)]
    services.load_items(actor=parties.system(), achievements=drafts)
    event = Event.objects.get()
    assert (event.name, sorted(event.data["ids"])) == (
        "catalogue.achievements_loaded",
        sorted(Achievement.objects.values_list("pk", flat=True)),
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        services.load_items(actor=parties.system(), achievements=[achievement_draft(owner), drafts[0]])
    assert Achievement.objects.count() == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda actor: services.load_items(actor=actor),
        lambda actor: services.load_codes(actor=actor, rows=[]),
        lambda actor: services.link_truly(actor=actor, pairs=[]),
        lambda actor: services.register_asset(actor=actor, kind="invention", status="granted", owner_id=1),
    ],
)
def test_only_operators_load(call):
    with pytest.raises(NotAllowed):
        call(make_actor())


def test_codes_loaded_again_take_new_titles():
    row = {"scheme": "ipc", "edition": "2024", "code": "B01D", "level": "subclass", "title_zh": "分离", "position": 1}
    for title in ("分离", "分离（新）"):
        assert services.load_codes(actor=parties.system(), rows=[{**row, "title_zh": title}]) == 1
    assert list(Code.objects.values_list("code", "title_zh")) == [("B01D", "分离（新）")]


def test_true_links_are_kept_for_items_that_are_there():
    need, achievement = make_need(external_id="open:T1"), make_achievement(external_id="open:A1")
    services.link_truly(actor=parties.system(), pairs=[("open:T1", "open:A1"), ("open:T1", "open:A2")])
    assert list(TrueLink.objects.values_list("need_id", "achievement_id")) == [(need.pk, achievement.pk)]


@pytest.mark.parametrize(
    "fields",
    [
        {"trl": 10},
        {"modes": ["gift"]},
        {"price_kind": "amount"},
        {"price_kind": "amount", "price_low": 5, "price_high": 4},
        {"price_kind": "negotiable", "price_low": 5, "price_high": 5},
        {"state": "published", "published_at": None},
        {"state": "lost"},
        {"ownership": "mine"},
    ],
)
def test_what_must_always_be_true_is_the_databases_promise(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_achievement(**fields)


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("ZL 201310699744.2", "201310699744.2"),
        ("201310699744.3", None),
        ("12345", None),
        ("PCT/CN2025/081234", "PCT/CN2025/081234"),
    ],
)
def test_patent_numbers_are_checked(number, kept):
    owner = make_organisation(kind="university")

    def register():
        return services.register_asset(
            actor=parties.system(), kind="invention", status="granted", owner_id=owner.pk, number=number
        )

    if kept:
        assert register().number == kept
        return
    with pytest.raises(BadInput) as caught:
        register()
    assert (caught.value.field, IPAsset.objects.count()) == ("number", 0)
