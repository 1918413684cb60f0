"""Jobs of submissions: reviewers are reminded of what they promised; drafts are made from texts and files."""

from __future__ import annotations

import json
from typing import Any

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock, files
from keqiao.parties import selectors as parties
from keqiao.submissions import selectors, services
from keqiao.submissions.types import Writer, Written

CHUNK = 200
AGAIN = RetryStrategy(max_attempts=5, exponential_wait=2)


@app.periodic(cron="50 0 * * *")
@app.task(queue="kernel", queueing_lock="remind_reviewers")
def remind_reviewers(timestamp: int) -> int:  # noqa: ARG001 -- given to periodic jobs
    """Once a day; nobody is told twice of the same promised day."""
    actor, count = parties.system(), 0
    for code in selectors.overdue_reviews(clock.today()).values_list("code", flat=True).iterator(CHUNK):
        services.remind_reviewers(actor=actor, code=code)
        count += 1
    return count


@app.task(queue="drafting", retry=AGAIN)
def work_on_source(*, source_id: int) -> None:
    """Make a draft from a text or file, or translate one. Run again it goes on; what is done stays done.

    The libraries are imported when a job runs: every process that defers a job reads this module.
    """
    source = services.begin_source(actor=parties.system(), source_id=source_id)
    if source is None:
        return
    if source.purpose == "translation":
        _translate(source)
    else:
        _draft(source)


def _draft(source: Any) -> None:
    from keqiao.submissions import extracting, sketching

    actor, text = parties.system(), source.text
    if not text:
        try:
            with files.open_file(source.file) as file:
                text = extracting.text_of(file, extracting.KINDS[source.media_type])
        except (extracting.Unreadable, OSError):
            services.fail_source(actor=actor, source_id=source.pk, problem="unreadable")
            return
        if len(text) < services.SHORTEST_TEXT:
            services.fail_source(actor=actor, source_id=source.pk, problem="no_text")
            return
        services.keep_source_text(actor=actor, source_id=source.pk, text=text)
    regions = _region_names()
    by_rules = sketching.sketch(source.kind, text, regions)
    by_model, model, problem = _asked(source, text, regions) if source.asks_model else ([], "", "")
    said = {finding.field for finding in by_model}
    kept = [(finding, Writer.MODEL) for finding in by_model]
    kept += [(finding, Writer.RULES) for finding in by_rules if finding.field not in said]
    services.finish_drafting(
        actor=actor,
        source_id=source.pk,
        content=sketching.content_from([finding for finding, _by in kept]),
        written=[
            Written(finding.field, finding.value, sketching.passage_of(text, finding.start, finding.end), by)
            for finding, by in kept
        ],
        model=model if by_model else "",
        problem=problem,
    )


def _asked(source: Any, text: str, regions: dict[str, str]) -> tuple[list[Any], str, str]:
    """What the model found and can be found in the text; the model; why there is nothing of it."""
    from keqiao.inference import asking
    from keqiao.inference.types import ModelUnavailable, Task
    from keqiao.submissions import modelling

    try:
        got = asking.ask(
            task=Task.DRAFTING,
            organisation_id=source.organisation_id,
            instructions=modelling.drafting_instructions(source.kind),
            text=text,
            shape=modelling.SaidDraft,
        )
    except ModelUnavailable as trouble:
        return [], "", trouble.code
    found = modelling.believed(source.kind, got.said, text, regions)
    return found, got.model, "" if found else "nothing_usable"


def _translate(source: Any) -> None:
    from keqiao.inference import asking
    from keqiao.inference.types import ModelUnavailable, Task
    from keqiao.submissions import modelling

    actor = parties.system()
    from_language = "en" if source.language == "zh" else "zh"
    texts = (source.submission.content.get("texts") or {}).get(from_language) or {}
    originals = {"title": texts.get("title") or "", "body": texts.get(services.BODY[source.kind]) or ""}
    try:
        got = asking.ask(
            task=Task.TRANSLATION,
            organisation_id=source.organisation_id,
            instructions=modelling.translating_instructions(from_language, source.language),
            text=json.dumps(originals, ensure_ascii=False),
            shape=modelling.SaidTranslation,
        )
    except ModelUnavailable as trouble:
        services.fail_source(actor=actor, source_id=source.pk, problem=trouble.code)
        return
    parts = modelling.believed_translation(got.said, originals["title"], originals["body"])
    services.finish_translation(actor=actor, source_id=source.pk, parts=parts, originals=originals, model=got.model)


def _region_names() -> dict[str, str]:
    """Name in either language → code, those of the wider area first."""
    rows = reversed(catalogue.table("region"))
    return {name: row.code for row in rows for name in (row.title_zh, row.title_en) if name}


@app.periodic(cron="40 4 * * *")
@app.task(queue="kernel", queueing_lock="forget_old_sources")
def forget_old_sources(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    services.forget_old_sources(actor=parties.system())
