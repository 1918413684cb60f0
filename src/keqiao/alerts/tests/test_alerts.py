"""Who is told of what, when, once, and never of what they may not see."""

import threading
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.core import mail
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from keqiao.alerts import holdings, selectors, services, showing, stopping
from keqiao.alerts.models import Alert, Digest, Watch
from keqiao.alerts.tests.factories import agree_to_digests, find, send, watching
from keqiao.catalogue import services as catalogue
from keqiao.catalogue.models import Need
from keqiao.catalogue.tests.factories import make_achievement, make_code, make_need
from keqiao.engagement import services as engagement
from keqiao.engagement.tests.factories import make_world
from keqiao.kernel import clock, notices
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Notice
from keqiao.matching.models import Match
from keqiao.matching.tests.factories import make_match
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person, Post
from keqiao.parties.tests.factories import make_actor, make_organisation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
system = parties.system()


@pytest.fixture
def world():
    """Published now, so that it is new to whoever has been watching."""
    now = clock.now()
    return make_world(published_at=now, updated_at=now)


def told(actor):
    return [
        (row.need and row.need.code, row.achievement and row.achievement.code, row.reason)
        for row in selectors.told_to(actor)
    ]


def test_a_match_is_told_to_both_sides_once(world):
    watching(world.asker)
    find(world.need)
    find(world.achievement)
    assert Watch.objects.filter(is_chosen=False).count() == 2  # the other side's two people, by recommendation
    for actor in (world.asker, world.owner):
        assert send(actor).lines == 1
        assert told(actor) == [(world.need.code, world.achievement.code, "match")]
    assert list(Notice.objects.values_list("kind", flat=True)) == ["alerts.digest"] * 2
    find(world.need)
    assert (send(world.asker), send(world.owner)) == (None, None)


def test_recomputed_or_published_again_it_is_not_told_again(world):
    watching(world.asker, cadence="at_once")
    find(world.need)
    assert send(world.asker, "at_once").lines == 1
    Match.objects.all().delete()
    make_match(world.need, world.achievement, score=95)
    Need.objects.update(published_at=clock.now(), updated_at=clock.now())
    find(world.need)
    assert (send(world.asker, "at_once"), Digest.objects.count()) == (None, 1)


def test_below_the_threshold_or_with_an_unmet_must_nothing_is_told(world):
    watching(world.asker, threshold=91)
    other = make_achievement()
    make_match(world.need, other, score=95, unmet=True)
    find(world.need)
    assert send(world.asker) is None
    services.change_watch(actor=world.asker, code=Watch.objects.get(is_chosen=True).code, threshold=90)
    find(world.need)
    assert told_after(world.asker) == [(world.need.code, world.achievement.code, "match")]


def told_after(actor, cadence="daily"):
    send(actor, cadence)
    return told(actor)


def test_what_was_there_before_one_watched_is_not_told():
    world = make_world()
    services.start_watch(actor=world.asker, subject="own")
    find(world.need)
    assert send(world.asker) is None


def test_withdrawn_before_it_is_sent_it_is_not_sent_and_comes_with_its_next_publication(world):
    watching(world.asker)
    find(world.need)
    catalogue.withdraw_achievement(actor=world.owner, code=world.achievement.code)
    assert (send(world.asker), Notice.objects.filter(person_id=world.asker.person_id).count()) == (None, 0)
    catalogue.publish_achievement(actor=system, code=world.achievement.code)
    find(world.need)
    assert told_after(world.asker) == [(world.need.code, world.achievement.code, "match")]


def test_withdrawn_after_it_was_sent_it_is_on_no_page(world):
    watching(world.asker)
    find(world.need)
    digest = send(world.asker)
    catalogue.withdraw_achievement(actor=world.owner, code=world.achievement.code)
    assert showing.lines_of(list(selectors.told_in(digest)), actor=world.asker) == []


def test_an_unsuitable_match_and_a_post_that_ended_are_not_told(world):
    watching(world.asker)
    find(world.need)
    engagement.mark_match(actor=world.asker, need_code=world.need.code, achievement_code=world.achievement.code)
    assert send(world.asker) is None
    engagement.unmark_match(actor=world.asker, need_code=world.need.code, achievement_code=world.achievement.code)
    Post.objects.filter(person=world.manager).update(ended_on=clock.today())
    find(world.need)
    assert send(world.asker) is None


def test_an_organisation_is_followed_by_what_it_signs_and_never_by_what_it_does_not():
    make_code()
    home, follower = make_organisation(), make_actor(organisation=make_organisation())
    watching(follower, "organisation", home.code)
    now = clock.now()
    signed = make_need(publisher=home, published_at=now)
    hidden = make_need(publisher=home, published_at=now, publisher_shown="hidden")
    matched = make_need(publisher=home, published_at=now, publisher_shown="matched")
    for need in (signed, hidden, matched):
        find(need)
    assert Alert.objects.count() == 1
    assert told_after(follower) == [(signed.code, None, "published")]


def test_a_publisher_who_hides_before_it_is_sent_is_not_followed():
    home, follower = make_organisation(), make_actor(organisation=make_organisation())
    watching(follower, "organisation", home.code)
    find(make_need(publisher=home, published_at=clock.now()))
    Need.objects.update(publisher_shown="hidden")
    assert send(follower) is None


def test_a_class_with_those_below_it_and_points_by_ones_own_items(world):
    make_code("ipc", "B01D", "分离", "Separation")
    field = make_code()
    actor = world.owner
    watching(actor, "class", "B01D", scheme="ipc", threshold=80, cadence="weekly")
    watching(make_actor(), "class", field.code, scheme="field")
    now = clock.now()
    near, far = (make_need(ipc=["B01D71/68"], published_at=now, updated_at=now) for _n in range(2))
    make_match(near, world.achievement, score=82)
    make_match(far, world.achievement, score=70)
    for need in (near, far):
        find(need)
    assert told_after(actor, "weekly") == [(near.code, None, "published")]
    assert Alert.objects.filter(state="sent").get().score == 82


def test_a_watched_items_changes_and_end_are_told_revision_by_revision(world):
    watcher = make_actor()
    watching(watcher, "need", world.need.code, threshold=100)
    for reason in ("changed", "changed", "ended"):
        services.find_changes(actor=system, kind="need", item_id=world.need.pk, reason=reason)
    assert told_after(watcher) == [(world.need.code, None, "changed")]
    catalogue.close_need(actor=world.asker, code=world.need.code)
    services.find_changes(actor=system, kind="need", item_id=world.need.pk, reason="ended")
    services.find_changes(actor=system, kind="need", item_id=world.need.pk, reason="changed")
    Digest.objects.update(made_on=clock.today() - timedelta(days=1))
    send(watcher)
    assert told(watcher)[0] == (world.need.code, None, "ended")


def test_a_saved_search_with_new_results_and_stopped_from_either_page():
    actor = make_actor(organisation=make_organisation())
    saved = engagement.save_search(actor=actor, query="kind=need&field=materials")
    fresh = make_need(field="materials", published_at=clock.now())
    for _again in range(2):
        services.tell_of_search(actor=system, search_id=saved.pk, scores={fresh.code: None, "XQ-0": 3})
    assert told_after(actor) == [(fresh.code, None, "published")]
    services.stop_watch(actor=actor, code=Watch.objects.get().code)
    saved.refresh_from_db()
    assert saved.wants_alerts is False
    assert services.tell_of_search(actor=system, search_id=saved.pk, scores={fresh.code: None}) == 0
    services.start_watch(actor=actor, subject="search", of=str(saved.pk))
    saved.refresh_from_db()
    assert (saved.wants_alerts, Watch.objects.count()) == (True, 1)


def test_several_watches_make_one_line_with_all_the_reasons(world):
    watching(world.asker)
    watching(world.asker, "need", world.need.code)
    watching(world.asker, "achievement", world.achievement.code, cadence="weekly")
    find(world.need)
    digest = send(world.asker)
    (line,) = showing.lines_of(list(selectors.told_in(digest)), actor=world.asker)
    assert {one.watch.subject for one in line.because} == {"own", "need"}
    assert (line.score, line.matched[0]) == (90, ("关键指标", 35, 35))
    assert send(world.asker, "weekly") is None  # the third one was told by the other two
    assert sorted(Alert.objects.filter(person_id=world.asker.person_id).values_list("state", flat=True)) == [
        "also",
        "also",
        "sent",
    ]


def test_the_database_refuses_a_second_telling(world):
    watch = watching(world.asker)
    other = watching(world.asker, "need", world.need.code)
    find(world.need)
    digest = send(world.asker)
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.filter(watch=other).update(state="sent", digest=digest)
    assert Alert.objects.filter(watch=watch, state="sent").count() + Alert.objects.filter(watch=other).count() >= 1


def test_recommendations_stop_at_once_and_what_one_chose_goes_on(world):
    watching(world.asker)
    find(world.need)
    for actor in (world.asker, world.owner):
        services.choose_recommendations(actor=actor, wanted=False)
    assert send(world.owner) is None
    assert send(world.asker).lines == 1
    find(world.need)
    assert Alert.objects.filter(person_id=world.owner.person_id).count() == 0
    services.choose_recommendations(actor=world.owner, wanted=True)
    find(world.need)
    assert send(world.owner) is None  # what came meanwhile is not told
    with pytest.raises(NotAllowed):
        services.choose_recommendations(actor=parties.visitor(), wanted=False)


def test_the_mail_says_why_and_stops_with_one_click(world, settings):
    settings.SENDS_EMAIL = True
    watching(world.asker, cadence="at_once")
    find(world.need)
    digest = send(world.asker, "at_once")
    notice = Notice.objects.get(person_id=world.asker.person_id)
    notices.send(notice)
    assert mail.outbox == []  # without consent to such mail
    agree_to_digests(world.asker)
    for _again in range(2):
        notices.send(notice)
    (letter,) = mail.outbox
    for part in ("您关注本单位", "匹配 90 分 · 关键指标 35/35", f"/needs/{world.need.code}/matches/", "耐酸纳滤膜"):
        assert part in letter.body
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter.extra_headers["Message-ID"].startswith(f"<notice-{notice.pk}@")
    assert digest.code in notice.link
    link = next(part for part in letter.body.split() if "/alerts/stop" in part)
    services.stop_watch_by_link(actor=parties.visitor(), token=unquote(link.partition("t=")[2]))
    assert Watch.objects.get(person=world.manager).is_active is False
    with pytest.raises(NotFound):
        stopping.read("forged")


def test_a_mail_is_written_when_it_is_sent(world):
    watching(world.asker)
    find(world.need)
    send(world.asker)
    agree_to_digests(world.asker)
    catalogue.withdraw_achievement(actor=world.owner, code=world.achievement.code)
    notice = Notice.objects.get(person_id=world.asker.person_id)
    notices.send(notice)
    assert mail.outbox == []


def test_when_digests_are_due(world):
    watching(world.asker)
    watching(world.asker, "need", world.need.code, cadence="weekly")
    find(world.need)
    now = clock.now()
    assert selectors.due_digests() == []  # they wait for the next morning
    Alert.objects.update(found_at=now - timedelta(days=8))
    mine = world.asker.person_id
    assert {cadence for person, cadence in selectors.due_digests() if person == mine} == {"daily", "weekly"}
    send(world.asker)
    assert [cadence for person, cadence in selectors.due_digests() if person == mine] == ["weekly"]


def test_only_ones_own_watches_and_only_what_one_may_see(world):
    watch = watching(world.asker)
    hidden = make_need(state="draft", published_at=None)
    for refused in (
        lambda: services.stop_watch(actor=world.owner, code=watch.code),
        lambda: services.change_watch(actor=world.owner, code=watch.code, threshold=1),
        lambda: services.start_watch(actor=world.owner, subject="need", of=hidden.code),
        lambda: services.start_watch(actor=world.owner, subject="search", of="1"),
    ):
        with pytest.raises(NotFound):
            refused()
    for wrong in (
        {"subject": "own", "threshold": 101},
        {"subject": "own", "cadence": "hourly"},
        {"subject": "class", "of": "ZZ", "scheme": "ipc"},
        {"subject": "everything"},
    ):
        with pytest.raises(BadInput):
            services.start_watch(actor=world.asker, **wrong)
    with pytest.raises(NotAllowed):
        services.start_watch(actor=parties.visitor(), subject="own")
    for job in (
        lambda: services.find_alerts(actor=world.asker, kind="need", ids=[1]),
        lambda: services.find_changes(actor=world.asker, kind="need", item_id=1, reason="changed"),
        lambda: services.tell_of_search(actor=world.asker, search_id=1, scores={}),
        lambda: services.send_digest(actor=world.asker, person_id=1, cadence="daily"),
        lambda: services.move_watches(actor=world.asker, from_id=1, merge_id=1),
        lambda: services.move_watches_back(actor=world.asker, merge_id=1),
    ):
        with pytest.raises(NotAllowed):
            job()
    assert Watch.objects.count() == 1


def test_one_may_watch_only_so_many(world, monkeypatch):
    monkeypatch.setattr("keqiao.alerts.services.watching.parameter", lambda *_key, on: 1)
    watch = watching(world.asker)
    with pytest.raises(BadInput):
        services.start_watch(actor=world.asker, subject="need", of=world.need.code)
    services.stop_watch(actor=world.asker, code=watch.code)
    services.start_watch(actor=world.asker, subject="need", of=world.need.code)
    with pytest.raises(BadInput):
        services.start_watch(actor=world.asker, subject="own")


def test_watches_follow_a_merged_organisation_and_come_back(world, monkeypatch):
    watching(world.asker)
    kept = make_organisation()
    monkeypatch.setattr(parties, "final_organisation", lambda _pk, *, lock=False: kept.pk)
    assert services.move_watches(actor=system, from_id=world.need.publisher_id, merge_id=7) == 1
    assert Watch.objects.get().home_id == kept.pk
    assert services.move_watches_back(actor=system, merge_id=7) == 1
    assert Watch.objects.get().home_id == world.need.publisher_id


def test_ones_part_of_an_export_and_what_is_erased(world):
    watching(world.asker)
    find(world.need)
    send(world.asker)
    services.choose_recommendations(actor=world.asker, wanted=False)
    part = holdings.export(world.manager.pk)
    assert (part["recommends"], part["watches"][0]["subject"], part["alerts"][0]["score"]) == (False, "own", 90)
    with transaction.atomic():
        holdings.erase(world.manager.pk)
    assert Watch.objects.filter(person=world.manager).count() + Digest.objects.count() == 0
    assert Person.objects.filter(pk=world.manager.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_once():
    now = clock.now()
    world = make_world(published_at=now, updated_at=now)
    watching(world.asker, cadence="at_once")
    find(world.need)
    start, made = threading.Barrier(4), []

    def work():
        try:
            start.wait()
            find(world.need)
            made.append(send(world.asker, "at_once"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [digest.lines for digest in made if digest] == [1]
    mine = Notice.objects.filter(person_id=world.asker.person_id)
    assert (len(made), mine.count(), Alert.objects.filter(watch__person=world.manager).count()) == (4, 1, 1)


def test_a_batch_costs_the_same_as_one(world):
    watching(world.asker)
    needs = [world.need]
    for _n in range(4):
        need = make_need(publisher=world.need.publisher, published_at=clock.now(), updated_at=clock.now())
        make_match(need, world.achievement)
        needs.append(need)
    counts = []
    for batch in (needs[:1], needs):
        with CaptureQueriesContext(connection) as queries:
            services.find_alerts(actor=system, kind="need", ids=[need.pk for need in batch])
        counts.append(len(queries))
        Alert.objects.all().delete()
        Watch.objects.filter(is_chosen=False).delete()
    assert counts[0] == counts[1]
