"""What acceptance does to the catalogue: a new item, or a new version of one, in the transaction of the decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as items
from keqiao.catalogue.types import ItemState
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput
from keqiao.kernel.models import StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor
from keqiao.submissions import content as reading
from keqiao.submissions.models import Submission
from keqiao.submissions.types import ItemIsClosed, OrganisationNotVerified, SubmissionKind


def read(submission: Submission) -> Any:
    """The catalogue's draft of what is written. Raises BadContent with everything that is wrong."""
    if submission.kind == SubmissionKind.NEED:
        draft: Any = reading.read_need(submission.content, today=clock.today())
    else:
        draft = reading.read_achievement(submission.content)
    _check_files(draft)
    return draft


def publish(submission: Submission, *, actor: Actor) -> int:
    """Put it into the catalogue and in public view, and link it to the submission. The number of the version."""
    if not parties.may_publish(submission.organisation_id):
        raise OrganisationNotVerified
    draft = read(submission)
    try:
        with transaction.atomic():
            item, version = (
                _rewritten(submission, draft, actor) if submission.item else _added(submission, draft, actor)
            )
    except IntegrityError as error:
        if "external_id" not in str(error):
            raise
        raise BadInput(
            _("外部编号“%(id)s”已被另一条使用，请改一个。") % {"id": draft.fields["external_id"]}, field="external_id"
        ) from error
    if submission.kind == SubmissionKind.NEED:
        submission.need = item
    else:
        submission.achievement = item
    submission.version = version
    return version


def _added(submission: Submission, draft: Any, actor: Actor) -> tuple[Any, int]:
    organisation = submission.organisation
    is_need = submission.kind == SubmissionKind.NEED
    whose = {"publisher_id" if is_need else "owner_id": organisation.pk, "is_fictional": organisation.is_fictional}
    draft = replace(draft, fields={**draft.fields, **whose})
    if is_need:
        item: Any = items.add_need(actor=actor, draft=draft)
        return items.publish_need(actor=actor, code=item.code), 1
    item = items.add_achievement(actor=actor, draft=draft)
    return items.publish_achievement(actor=actor, code=item.code), 1


def _rewritten(submission: Submission, draft: Any, actor: Actor) -> tuple[Any, int]:
    """The item is locked first, so that two accepted versions get two numbers."""
    is_need = submission.kind == SubmissionKind.NEED
    code = submission.item.code  # type: ignore[union-attr]  # there is one: the caller asked
    item: Any = (catalogue.get_need if is_need else catalogue.get_achievement)(code, actor=actor, lock=True)
    if item.state == ItemState.CLOSED:
        raise ItemIsClosed
    same = Submission.objects.filter(need=submission.need, achievement=submission.achievement)
    last = same.aggregate(last=Max("version"))["last"]
    item = (items.rewrite_need if is_need else items.rewrite_achievement)(actor=actor, code=code, draft=draft)
    if item.state != ItemState.PUBLISHED:
        item = (items.publish_need if is_need else items.publish_achievement)(actor=actor, code=code)
    # An item that was loaded without a submission is its own first version.
    return item, (last or 1) + 1


def _check_files(draft: Any) -> None:
    """That they are the writers' own is asked when they are put there; here that they still exist."""
    wanted = [row["file_id"] for row in draft.attachments]
    stored = set(StoredFile.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    problems = [
        reading.Problem(f"attachments.{n}.file_id", _("附件没有传完，请重新上传。"))
        for n, file_id in enumerate(wanted)
        if file_id not in stored
    ]
    if problems:
        raise reading.BadContent(problems)
