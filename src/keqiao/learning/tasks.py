"""Jobs of learning. A training may be killed and run again: nothing stands before its last step."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.parties import selectors as parties

AGAIN = RetryStrategy(max_attempts=8, exponential_wait=2)


@app.task(queue="learning", retry=AGAIN, lock="learning")
def train_model(*, model_id: int) -> None:
    """The libraries that learn are imported here and nowhere else."""
    from keqiao.learning import training

    training.train(model_id)


@app.periodic(cron="50 3 * * *")
@app.task(queue="learning", queueing_lock="forget_old_rows")
def forget_old_rows(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    from keqiao.learning import services

    while services.forget_old_rows(actor=parties.system()):
        pass
