"""Jobs of experts. Each may be killed and run again: it goes on where the last finished step ended."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.kernel import clock
from keqiao.parties import selectors as parties

AGAIN = RetryStrategy(max_attempts=8, exponential_wait=2)
AT_ONCE = 500


@app.task(queue="experts", retry=AGAIN)
def index_expert(*, profile_id: int) -> None:
    from keqiao.experts import services

    services.index_expert(actor=parties.system(), profile_id=profile_id)


@app.task(queue="experts", retry=AGAIN)
def compute_plan(*, plan_id: int) -> None:
    """Scores need by need, each a transaction of its own; then the solver; then all that it found in one transaction."""
    from keqiao.experts import selectors, services, solving
    from keqiao.experts.types import PlanState

    while services.score_need(actor=parties.system(), plan_id=plan_id):
        pass
    plan = selectors.plan_by_id(plan_id)
    if plan is None or plan.state != PlanState.COMPUTING:
        return
    problem, _needs, _people = selectors.problem_of(plan)
    answer = solving.solve(problem)
    price = solving.price_of_fairness(problem, answer)
    services.finish_plan(actor=parties.system(), plan_id=plan_id, answer=answer, price=price)


@app.periodic(cron="50 0 * * *")
@app.task(queue="experts", queueing_lock="expire_assignments")
def expire_assignments(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Asked and not answered by the promised date."""
    from keqiao.experts import selectors, services

    for assignment_id in selectors.overdue(clock.today()):
        services.expire_assignment(actor=parties.system(), assignment_id=assignment_id)


@app.periodic(cron="35 * * * *")
@app.task(queue="experts", queueing_lock="index_stale_experts")
def index_stale_experts(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Whose job was lost, or who were changed while no worker ran."""
    from keqiao.experts import selectors

    for profile_id in selectors.stale_profiles(AT_ONCE):
        index_expert.defer(profile_id=profile_id)
