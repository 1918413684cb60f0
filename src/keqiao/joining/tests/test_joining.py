"""Asking to join, being answered, leaving; who sees what of it."""

import re
import threading

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from keqiao.catalogue.models import Need
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.joining import holdings, selectors, services
from keqiao.joining.models import Joining
from keqiao.joining.types import AlreadyJoined, TooManyJoins
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Notice
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person, user_of
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def need():
    return make_need(publisher=make_organisation(name_zh="澄源试验膜业"))


@pytest.fixture
def joiner():
    return make_actor(organisation=make_organisation(name_zh="远帆试验化工"))


def owner_of(item):
    home = getattr(item, "publisher", None) or item.owner
    return make_actor(organisation=home)


def ask(actor, item, **given):
    kind = "need" if isinstance(item, Need) else "achievement"
    return services.ask_to_join(actor=actor, kind=kind, code=item.code, **given)


def main(answer):
    html = answer.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index("<main") :]))


def test_accepted_it_counts_and_names_only_who_shows_their_name(need, joiner):
    owner = owner_of(need)
    quiet = ask(joiner, need, note="年用量两万平方米")
    assert selectors.shared_by(need).count == 0
    face = selectors.face_of(selectors.get_joining(quiet.code, actor=owner), actor=owner)
    assert (face.is_masked, "远帆" in face.name_zh) == (True, False)
    services.answer_join(actor=owner, code=quiet.code, accepts=True)
    loud = ask(make_actor(organisation=make_organisation(name_zh="响亮试验材料")), need, shows_name=True)
    services.answer_join(actor=owner, code=loud.code, accepts=True)
    shared = selectors.shared_by(need)
    assert (shared.count, [zh for _code, zh, _en in shared.named]) == (2, ["响亮试验材料"])
    kinds = Notice.objects.order_by("pk").values_list("kind", flat=True)
    assert sorted(kinds) == ["joining.accepted", "joining.accepted", "joining.asked", "joining.asked"]
    assert not any("远帆" in title for title in Notice.objects.values_list("title_zh", flat=True))


def test_the_same_work_is_claimed_and_declined_and_may_be_claimed_again():
    work, claimant = make_achievement(), make_actor(organisation=make_organisation(kind="university"))
    owner = owner_of(work)
    row = ask(claimant, work)
    services.answer_join(actor=owner, code=row.code, accepts=False)
    with pytest.raises(WrongState):
        services.answer_join(actor=owner, code=row.code, accepts=True)
    assert selectors.shared_by(work).count == 0
    ask(claimant, work)


def test_leaving_uncounts(need, joiner):
    row = ask(joiner, need)
    services.answer_join(actor=owner_of(need), code=row.code, accepts=True)
    services.leave_join(actor=joiner, code=row.code)
    assert selectors.shared_by(need).count == 0
    assert ask(joiner, need).state == "asked"


def test_who_may_not(need, joiner):
    row = ask(joiner, need)
    owner, stranger = owner_of(need), make_actor(organisation=make_organisation())
    auditor = make_actor(organisation=need.publisher, role=Role.AUDITOR)
    for refused, error in (
        (lambda: services.answer_join(actor=joiner, code=row.code, accepts=True), NotAllowed),
        (lambda: services.answer_join(actor=auditor, code=row.code, accepts=True), NotAllowed),
        (lambda: services.leave_join(actor=owner, code=row.code), NotAllowed),
        (lambda: services.answer_join(actor=stranger, code=row.code, accepts=True), NotFound),
        (lambda: services.answer_join(actor=make_operator(), code=row.code, accepts=True), NotFound),
        (lambda: ask(owner, need), BadInput),
        (lambda: ask(make_actor(), need), NotAllowed),
        (lambda: ask(parties.visitor(), need), NotAllowed),
        (lambda: ask(joiner, need), AlreadyJoined),
        (lambda: ask(stranger, need, note="长" * 501), BadInput),
        (lambda: ask(stranger, make_need(state="draft", published_at=None)), NotFound),
        (lambda: ask(stranger, make_need(state="closed")), NotFound),
        (lambda: services.move_joinings(actor=owner, from_id=1, merge_id=1), NotAllowed),
        (lambda: services.move_joinings_back(actor=owner, merge_id=1), NotAllowed),
    ):
        with pytest.raises(error):
            refused()
    assert (Joining.objects.count(), Joining.objects.get().state) == (1, "asked")


def test_only_so_many_a_day(need, joiner, monkeypatch):
    monkeypatch.setattr(services, "parameter", lambda _key, on: 1)
    ask(joiner, need)
    with pytest.raises(TooManyJoins):
        ask(joiner, make_need())


def test_pages(client, need, joiner):
    client.force_login(user_of(joiner))
    page = client.get(f"/needs/{need.code}")
    assert "我们也有这个需求，加入它" in main(page)
    assert "以 远帆试验化工 的名义" in main(client.get(f"/needs/{need.code}/join"))
    long = client.post(f"/needs/{need.code}/join", {"note": "长" * 501})
    assert (long.status_code, "最多 500 字" in main(long)) == (422, True)
    answer = client.post(f"/needs/{need.code}/join", {"note": "工况相同"})
    assert "已发出申请" in main(client.get(answer["Location"]))
    row = Joining.objects.get()
    owner = owner_of(need)
    client.force_login(user_of(owner))
    listed = main(client.get("/me/joins"))
    assert ("工况相同" in listed, "不公开名称" in listed, "远帆" in listed) == (True, True, False)
    assert client.post(f"/me/joins/{row.code}/accept").status_code == 302
    assert "另有 1 家单位有同样的需求" in main(client.get(f"/needs/{need.code}"))
    client.logout()
    page = main(client.get(f"/needs/{need.code}"))
    assert ("另有 1 家单位有同样的需求" in page, "远帆" in page, "工况" in page) == (True, False, False)
    assert client.post(f"/me/joins/{row.code}/leave").status_code == 302  # to sign-in
    assert Joining.objects.get().state == "accepted"


def test_rows_cost_no_queries(client, need):
    client.force_login(user_of(owner_of(need)))
    counts = []
    for more in (1, 3):
        for _n in range(more):
            ask(make_actor(organisation=make_organisation()), need)
        client.get("/me/joins")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/me/joins").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_they_follow_a_merge_and_an_erased_person_leaves_no_words(need, joiner, monkeypatch):
    row = ask(joiner, need, note="工况相同")
    kept = make_organisation()
    monkeypatch.setattr(parties, "final_organisation", lambda _pk, *, lock=False: kept.pk)
    system = parties.system()
    assert services.move_joinings(actor=system, from_id=row.organisation_id, merge_id=9) == 1
    assert services.move_joinings_back(actor=system, merge_id=9) == 1
    assert holdings.export(joiner.person_id)["joinings"][0]["note"] == "工况相同"
    with transaction.atomic():
        holdings.erase(joiner.person_id)
    row.refresh_from_db()
    assert (row.person_id, row.note, row.state) == (None, "", "asked")


@pytest.mark.django_db(transaction=True)
def test_two_colleagues_at_once_join_once():
    home, need = make_organisation(), make_need()
    actors = [parties.actor_for(make_person(organisation=home).user) for _n in range(2)]
    start, results = threading.Barrier(2), []

    def work(actor):
        try:
            start.wait()
            ask(actor, need)
            results.append("joined")
        except AlreadyJoined:
            results.append("already")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sorted(results), Joining.objects.count()) == (["already", "joined"], 1)
