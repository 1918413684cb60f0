"""Jobs of engagement: fetch by id, call a command."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.kernel import clock
from keqiao.parties import selectors as parties

AGAIN = RetryStrategy(max_attempts=8, exponential_wait=2)
SEARCHES_AT_ONCE = 300


@app.periodic(cron="17 * * * *")
@app.task(queue="engagement", queueing_lock="find_saved_searches")
def find_saved_searches(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Those that were not looked at for the longest time are searched again."""
    from keqiao.engagement import selectors

    for search_id in selectors.searches_to_check(SEARCHES_AT_ONCE):
        check_saved_search.defer(search_id=search_id)


@app.task(queue="engagement", retry=AGAIN)
def check_saved_search(*, search_id: int) -> None:
    from keqiao.engagement import services

    services.check_saved_search(actor=parties.system(), search_id=search_id)


@app.periodic(cron="40 0 * * *")
@app.task(queue="engagement", queueing_lock="watch_promised_dates")
def watch_promised_dates(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Contacts whose promised date has passed: a reminder, and long afterwards the end."""
    from keqiao.engagement import selectors, services

    for contact in selectors.due_unanswered(clock.today()):
        services.remind_of_answer(actor=parties.system(), contact_id=contact.pk)
        services.expire_contact(actor=parties.system(), contact_id=contact.pk)
