"""Jobs of interchange. Both may be killed and run again: they go on where the last finished chunk ended."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.parties import selectors as parties

AGAIN = RetryStrategy(max_attempts=8, exponential_wait=2)


@app.task(queue="imports", retry=AGAIN)
def validate_import(*, import_id: int) -> None:
    """Read and check every row of a file."""
    from keqiao.interchange import staging

    staging.stage(import_id)


@app.task(queue="imports", retry=AGAIN)
def apply_import(*, import_id: int) -> None:
    """Apply the rows that are ready, chunk by chunk."""
    from keqiao.interchange import services

    while services.apply_chunk(actor=parties.system(), import_id=import_id):
        pass


@app.periodic(cron="20 4 * * *")
@app.task(queue="imports", queueing_lock="forget_old_imports")
def forget_old_imports(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Files and rows of imports that ended long ago."""
    from keqiao.interchange import services

    services.forget_old_imports(actor=parties.system())
