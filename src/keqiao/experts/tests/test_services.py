"""Profiles, consent, plans and answers through the door."""

import threading

import pytest
from django.db import connection

from keqiao.catalogue import services as catalogue
from keqiao.catalogue.models import TrueLink
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.experts import selectors, services, tasks
from keqiao.experts.models import Assignment, AssignmentPlan, ExpertProfile, ExpertWord, Pair
from keqiao.experts.tests.factories import (
    BATTERY,
    BEARING,
    MEMBRANE,
    actor_of,
    index,
    make_expert,
    make_needs,
    make_plan,
    make_work,
)
from keqiao.experts.types import AssignmentState, EvidenceKind, NoRoom, PlanState, Tie
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, Notice
from keqiao.matching.tests.factories import make_match
from keqiao.parties import selectors as parties
from keqiao.parties import services as people
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person, make_post
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
system = parties.system()


@pytest.fixture
def three():
    """An expert of membranes, one of bearings, one of batteries, and their needs."""
    return [make_expert(text) for text in (MEMBRANE, BEARING, BATTERY)], make_needs()


def chosen(plan):
    rows = Assignment.objects.filter(need__plan=plan, state=AssignmentState.PROPOSED).order_by("need__position")
    return [row.candidate.profile_id for row in rows]


def told(person_id):
    return list(Notice.objects.filter(person_id=person_id).order_by("created_at", "pk").values_list("kind", flat=True))


# --- finding ----------------------------------------------------------------------------------------------------------


def test_experts_are_found_by_what_they_wrote_with_the_sentence_that_says_so(three):
    experts, needs = three
    query, found = selectors.experts_for(needs[0], actor=make_actor())
    assert found[0][0] == experts[0].pk
    (first, *_rest) = selectors.shown_experts(query, found, actor=make_actor())
    assert first.reasons[0].evidence.kind == EvidenceKind.PAPER
    assert first.reasons[0].passage in MEMBRANE
    assert first.reasons[0].share == 100


def test_only_who_agreed_is_found_and_until_they_take_it_back(three):
    experts, needs = three
    services.unlist_expert(actor=actor_of(experts[0]))
    assert experts[0].pk not in dict(selectors.experts_for(needs[0], actor=make_operator())[1])
    assert not ExpertWord.objects.filter(profile=experts[0]).exists()
    with pytest.raises(NotFound):
        selectors.get_expert(experts[0].code, actor=make_operator())
    assert selectors.get_expert(experts[0].code, actor=actor_of(experts[0])) == experts[0]
    services.list_expert(actor=actor_of(experts[0]))
    index(experts[0])
    assert experts[0].pk in dict(selectors.experts_for(needs[0], actor=make_operator())[1])


def test_nobody_is_listed_with_nothing_to_show_and_visitors_find_nobody(three):
    with pytest.raises(WrongState):
        services.list_expert(actor=make_actor())
    assert selectors.experts_for(three[1][0], actor=parties.visitor())[1] == []


def test_a_work_counts_while_it_is_public_and_its_team_names_the_expert(three):
    expert = make_expert(statement="长期做膜分离。")
    work = make_work(expert)
    index(expert)
    assert selectors.evidence_of_each([expert])[expert.pk][0].kind == EvidenceKind.ACHIEVEMENT
    catalogue.withdraw_achievement(actor=make_operator(), code=work.code)
    assert services.mark_stale(actor=system, achievement_id=work.pk) == 1
    index(expert)
    assert [one.kind for one in selectors.evidence_of_each([expert])[expert.pk]] == [EvidenceKind.STATEMENT]
    assert not ExpertWord.objects.filter(profile=expert, token="纳滤").exists()


def test_nobody_claims_a_work_of_others_or_a_namesakes_elsewhere():
    expert = make_expert(statement="膜分离")
    strangers = make_achievement()
    elsewhere = make_work(expert, owner=make_organisation(kind="university"), claim=False)
    for work in (strangers, elsewhere):
        with pytest.raises(BadInput):
            services.rewrite_expert(actor=actor_of(expert), works=[work.code])


@pytest.mark.parametrize(
    "given",
    [
        {"title": " "},
        {"title": "膜", "doi": "abc"},
        {"title": "膜", "year": 1200},
        {"title": "膜", "abstract": "长" * 5_001},
    ],
)
def test_a_paper_that_cannot_be_read_is_refused(given):
    with pytest.raises(BadInput):
        services.add_paper(actor=make_actor(), **given)


def test_the_same_paper_is_kept_once():
    actor = make_actor()
    one = services.add_paper(actor=actor, title="膜", doi="https://doi.org/10.1000/Abc")
    assert services.add_paper(actor=actor, title="别名", doi="10.1000/abc") == one


# --- ties -------------------------------------------------------------------------------------------------------------


def test_ties_of_all_kinds():
    need = make_need()
    tied = {kind: make_expert(MEMBRANE) for kind in (Tie.EMPLOYED, Tie.TEAM, Tie.CONTRACT, Tie.DECLARED)}
    free = make_expert(MEMBRANE)
    make_post(tied[Tie.EMPLOYED].person, need.publisher)
    shared = make_work(tied[Tie.TEAM])
    insider = make_person(organisation=need.publisher)
    shared.team.create(position=1, person=insider, name_zh=insider.name_zh)
    won = make_work(tied[Tie.CONTRACT])
    TrueLink.objects.create(need=make_need(publisher=need.publisher), achievement=won)
    services.declare_conflict(actor=actor_of(tied[Tie.DECLARED]), organisation_code=need.publisher.code, kind="shares")
    found = selectors.ties_between([need], [*tied.values(), free])
    assert found == {(need.pk, expert.pk): [kind.value] for kind, expert in tied.items()}


def test_a_tie_is_shown_to_those_who_know_the_publisher_alone():
    need = make_need(title=MEMBRANE[:12], problem=MEMBRANE, publisher_shown="hidden")
    expert = make_expert(MEMBRANE)
    make_post(expert.person, need.publisher)

    def seen(actor):
        query, ranked = selectors.experts_for(need, actor=actor)
        return [row.ties for row in selectors.shown_experts(query, ranked, actor=actor, need=need)]

    assert seen(make_operator()) == seen(make_actor(organisation=need.publisher)) == [("employed",)]
    assert seen(make_actor(organisation=make_organisation())) == [()]


# --- plans ------------------------------------------------------------------------------------------------------------


def test_a_plan_gives_each_need_its_expert_and_tells_nobody(three):
    experts, needs = three
    plan = make_plan(needs)
    assert (plan.state, plan.scored, chosen(plan)) == (PlanState.READY, 3, [expert.pk for expert in experts])
    assert [told(expert.person_id) for expert in experts] == [[], [], []]
    assert told(plan.made_by_id) == ["experts.plan_ready"]
    assert plan.points == plan.points_without_fairness == sum(row.score for row in Assignment.objects.all())


def test_who_is_tied_or_away_is_left_out_and_the_plan_says_why(three):
    experts, needs = three
    make_post(experts[0].person, needs[0].publisher)
    services.add_period(actor=actor_of(experts[1]), first_on=clock.today(), last_on=clock.today(), capacity=0)
    plan = make_plan(needs)
    assert experts[0].pk not in chosen(plan)[:1]
    assert experts[1].pk not in chosen(plan)
    pair = Pair.objects.get(need__need=needs[0], candidate__profile=experts[0])
    assert pair.ties == ["employed"]


def test_the_same_form_makes_one_plan_and_the_same_job_computes_once(three):
    actor = make_operator()
    plan = make_plan(three[1], actor=actor, key="the-same-key", computed=False)
    assert make_plan(three[1], actor=actor, key="the-same-key", computed=False) == plan
    tasks.compute_plan(plan_id=plan.pk)
    tasks.compute_plan(plan_id=plan.pk)
    assert Assignment.objects.count() == 3


def test_a_job_that_was_killed_goes_on_where_it_was(three):
    plan = make_plan(three[1], computed=False)
    assert services.score_need(actor=system, plan_id=plan.pk)
    tasks.compute_plan(plan_id=plan.pk)
    plan.refresh_from_db()
    assert (plan.state, plan.scored, len(chosen(plan))) == (PlanState.READY, 3, 3)


def test_an_organisation_plans_its_own_needs_only(three):
    _experts, needs = three
    officer = make_actor(organisation=needs[0].publisher, role=Role.RD_MANAGER)
    plan = make_plan(needs[:1], actor=officer)
    assert plan.organisation_id == needs[0].publisher_id
    with pytest.raises(BadInput):
        make_plan(needs[1:], actor=officer)
    with pytest.raises(NotAllowed):
        make_plan(needs[:1], actor=make_actor(organisation=needs[0].publisher, role=Role.RESEARCHER))
    with pytest.raises(NotFound):
        selectors.get_plan(plan.code, actor=make_actor(organisation=needs[1].publisher))


def test_brokers_are_those_who_work_as_one(three):
    broker = make_expert(MEMBRANE, role=Role.TECHNOLOGY_MANAGER, organisation=make_organisation(kind="agency"))
    plan = make_plan(three[1][:1], kind="brokers")
    assert chosen(plan) == [broker.pk]


def test_achievements_are_given_by_their_match_and_an_unmet_must_keeps_one_out(three):
    need = three[1][0]
    fits, fails = make_achievement(), make_achievement()
    make_match(need, fits, score=60)
    make_match(need, fails, score=90, unmet=True)
    plan = make_plan([need], kind="achievements")
    (row,) = Assignment.objects.filter(need__plan=plan)
    assert (row.candidate.achievement, row.why_not) == (fits, "tie")


# --- changing by hand -------------------------------------------------------------------------------------------------


def test_overriding_needs_a_reason_keeps_the_rules_and_stays_on_record(three):
    experts, needs = three
    make_post(experts[2].person, needs[0].publisher)
    plan = make_plan(needs)
    maker = parties.actor_for(plan.made_by.user)
    before = Assignment.objects.get(need__need=needs[0])
    given = {"actor": maker, "code": plan.code, "need_code": needs[0].code, "instead_of": before.code}
    with pytest.raises(BadInput):
        services.assign_by_hand(**given, who=experts[1].code, reason=" ")
    with pytest.raises(BadInput):
        services.assign_by_hand(**given, who=experts[2].code, reason="他合适")  # tied
    Pair.objects.get_or_create(
        need=before.need, candidate=plan.candidates.get(profile=experts[1]), defaults={"score": 3}
    )
    row = services.assign_by_hand(**given, who=experts[1].code, reason="对方指定")
    before.refresh_from_db()
    assert (before.state, row.instead_of, row.override_reason) == (
        AssignmentState.DROPPED, before.candidate, "对方指定",
    )  # fmt: skip
    assert Event.objects.filter(name="experts.assignment_overridden").count() == 1


# --- confirming and answering -----------------------------------------------------------------------------------------


def test_confirming_asks_each_once(three):
    experts, needs = three
    plan = make_plan(needs)
    maker = parties.actor_for(plan.made_by.user)
    for _time in range(2):
        services.confirm_plan(actor=maker, code=plan.code)
    assert [told(expert.person_id) for expert in experts] == [["experts.assignment_received"]] * 3
    assert Event.objects.filter(name="experts.assignment_asked").count() == 3


def test_one_accepts_one_declines_and_the_next_best_is_proposed_not_asked(three):
    experts, needs = three
    second = make_expert(MEMBRANE)
    plan = make_plan(needs)
    maker = parties.actor_for(plan.made_by.user)
    services.confirm_plan(actor=maker, code=plan.code)
    rows = list(Assignment.objects.order_by("need__position"))
    first, other = rows[0].candidate.profile, {experts[0], second} - {rows[0].candidate.profile}
    services.accept_assignment(actor=actor_of(experts[1]), code=rows[1].code)
    with pytest.raises(BadInput):
        services.decline_assignment(actor=actor_of(first), code=rows[0].code, reason="")
    services.decline_assignment(actor=actor_of(first), code=rows[0].code, reason="busy", note="下月再说")
    (proposed,) = Assignment.objects.filter(state=AssignmentState.PROPOSED)
    assert {proposed.candidate.profile} == other
    assert told(proposed.candidate.profile.person_id) == []
    assert told(maker.person_id) == ["experts.plan_ready", "experts.assignment_accepted", "experts.next_proposed"]
    services.ask_proposed(actor=maker, code=proposed.code)
    assert told(proposed.candidate.profile.person_id) == ["experts.assignment_received"]
    assert selectors.ties_between([needs[0]], [first]) == {(needs[0].pk, first.pk): ["refused"]}


def test_strangers_see_and_answer_nothing(three):
    plan = make_plan(three[1])
    maker = parties.actor_for(plan.made_by.user)
    row = Assignment.objects.first()
    for actor in (make_actor(organisation=make_organisation()), actor_of(row.candidate.profile)):
        with pytest.raises(NotFound):  # not even who is proposed, before the plan is confirmed
            services.accept_assignment(actor=actor, code=row.code)
    services.confirm_plan(actor=maker, code=plan.code)
    with pytest.raises(NotAllowed):
        services.accept_assignment(actor=maker, code=row.code)


def test_a_finished_need_speaks_for_the_expert_and_frees_the_desk(three):
    experts, needs = three
    plan = make_plan(needs[:1])
    maker = parties.actor_for(plan.made_by.user)
    services.confirm_plan(actor=maker, code=plan.code)
    row = Assignment.objects.get()
    services.accept_assignment(actor=actor_of(experts[0]), code=row.code)
    assert selectors.loads_of([experts[0].pk]) == {experts[0].pk: 1}
    services.finish_assignment(actor=maker, code=row.code)
    assert selectors.loads_of([experts[0].pk]) == {}
    kinds = [one.kind for one in selectors.evidence_of_each([experts[0]])[experts[0].pk]]
    assert kinds == [EvidenceKind.PAPER, EvidenceKind.SOLVED]


def test_an_answer_that_does_not_come_expires_after_its_date(three):
    experts, needs = three
    plan = make_plan(needs[:1], expert_codes=[experts[0].code])
    services.confirm_plan(actor=parties.actor_for(plan.made_by.user), code=plan.code)
    row = Assignment.objects.get()
    services.expire_assignment(actor=system, assignment_id=row.pk)
    row.refresh_from_db()
    assert row.state == AssignmentState.ASKED
    Assignment.objects.update(due_on=row.asked_at.date().replace(year=2020))
    tasks.expire_assignments(timestamp=0)
    row.refresh_from_db()
    assert row.state == AssignmentState.EXPIRED
    assert told(plan.made_by_id)[-1] == "experts.nobody_left"


@pytest.mark.django_db(transaction=True)
def test_two_plans_that_want_the_last_place_of_somebody(rules):
    expert = make_expert(MEMBRANE, capacity=1)
    plans = [make_plan(make_needs()[:1]) for _n in range(2)]
    results = []

    def confirm(plan):
        try:
            services.confirm_plan(actor=parties.actor_for(plan.made_by.user), code=plan.code)
            results.append("asked")
        except DomainError as error:
            results.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=confirm, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(["asked", NoRoom.__name__])
    assert selectors.loads_of([expert.pk]) == {expert.pk: 1}
    assert AssignmentPlan.objects.filter(state=PlanState.READY).count() == 1


# --- erasure and merges -----------------------------------------------------------------------------------------------


def test_an_erased_expert_leaves_no_word_behind(three):
    from keqiao.experts import holdings

    experts, _needs = three
    assert holdings.export(experts[0].person_id)["papers"][0]["abstract"] == MEMBRANE
    holdings.erase(experts[0].person_id)
    profile = ExpertProfile.objects.get(pk=experts[0].pk)
    assert (profile.is_listed, profile.papers.count(), ExpertWord.objects.filter(profile=profile).count()) == (
        False,
        0,
        0,
    )


def test_plans_and_conflicts_follow_a_merged_organisation(three):
    experts, needs = three
    gone, kept = needs[0].publisher, needs[1].publisher
    services.declare_conflict(actor=actor_of(experts[0]), organisation_code=gone.code, kind="kin")
    make_plan(needs[:1], actor=make_actor(organisation=gone), computed=False)
    merge = people.merge_organisations(actor=make_operator(), kept_code=kept.code, gone_code=gone.code)
    assert services.move_expert_rows(actor=system, from_id=gone.pk, merge_id=merge.pk) == 2
    assert services.move_expert_rows_back(actor=system, merge_id=merge.pk) == 2
