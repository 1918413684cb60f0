"""Jobs of inference."""

from procrastinate.contrib.django import app

from keqiao.parties import selectors as parties


@app.periodic(cron="35 3 * * *")
@app.task(queue="kernel", queueing_lock="forget_old_answers")
def forget_old_answers(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    from keqiao.inference import services

    services.forget_old_answers(actor=parties.system())
