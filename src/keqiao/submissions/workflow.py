"""States of submissions and complaints."""

from django.utils.translation import gettext_lazy as _

from keqiao.kernel.workflow import Transition, Workflow
from keqiao.submissions.policies import (
    can_accept_directly,
    can_handle_complaint,
    can_review_for_organisation,
    can_review_for_platform,
    can_take_back_complaint,
    can_write,
)
from keqiao.submissions.types import ComplaintState as C
from keqiao.submissions.types import SubmissionState as S

WRITABLE = frozenset({S.DRAFT, S.RETURNED})

submission_workflow = Workflow(
    "submission",
    S,
    (S.DRAFT.value, S.ORGANISATION_REVIEW.value, S.PLATFORM_REVIEW.value, S.ACCEPTED.value),
    Transition("submit", WRITABLE, S.ORGANISATION_REVIEW, can_write, "submissions.submission_submitted", _("提交审核")),
    Transition(
        "submit_to_platform",
        WRITABLE,
        S.PLATFORM_REVIEW,
        can_write,
        "submissions.submission_sent_to_platform",
        _("提交平台审核"),
    ),
    Transition(
        "approve",
        frozenset({S.ORGANISATION_REVIEW}),
        S.PLATFORM_REVIEW,
        can_review_for_organisation,
        "submissions.submission_approved",
        _("单位同意"),
    ),
    Transition(
        "return_to_author",
        frozenset({S.ORGANISATION_REVIEW}),
        S.RETURNED,
        can_review_for_organisation,
        "submissions.submission_returned",
        _("退回补充"),
    ),
    Transition(
        "send_back",
        frozenset({S.PLATFORM_REVIEW}),
        S.RETURNED,
        can_review_for_platform,
        "submissions.submission_sent_back",
        _("退回补充"),
    ),
    Transition(
        "accept",
        frozenset({S.PLATFORM_REVIEW}),
        S.ACCEPTED,
        can_review_for_platform,
        "submissions.submission_accepted",
        _("通过并公开"),
    ),
    Transition(
        "decline",
        frozenset({S.PLATFORM_REVIEW}),
        S.DECLINED,
        can_review_for_platform,
        "submissions.submission_declined",
        _("不通过"),
    ),
    Transition(
        "take_back",
        frozenset({S.ORGANISATION_REVIEW, S.PLATFORM_REVIEW}),
        S.DRAFT,
        can_write,
        "submissions.submission_taken_back",
        _("撤回修改"),
    ),
    Transition(
        "accept_directly",
        WRITABLE,
        S.ACCEPTED,
        can_accept_directly,
        "submissions.submission_accepted_directly",
        _("直接公开"),
    ),
    Transition("discard", WRITABLE, S.DISCARDED, can_write, "submissions.submission_discarded", _("删除草稿")),
)

complaint_workflow = Workflow(
    "complaint",
    C,
    (C.OPEN.value, C.IN_REVIEW.value, C.UPHELD.value),
    Transition(
        "take_up", frozenset({C.OPEN}), C.IN_REVIEW, can_handle_complaint, "submissions.complaint_taken_up", _("受理")
    ),
    Transition(
        "uphold",
        frozenset({C.IN_REVIEW}),
        C.UPHELD,
        can_handle_complaint,
        "submissions.complaint_upheld",
        _("投诉成立"),
    ),
    Transition(
        "dismiss",
        frozenset({C.IN_REVIEW}),
        C.DISMISSED,
        can_handle_complaint,
        "submissions.complaint_dismissed",
        _("投诉不成立"),
    ),
    Transition(
        "take_back",
        frozenset({C.OPEN, C.IN_REVIEW}),
        C.TAKEN_BACK,
        can_take_back_complaint,
        "submissions.complaint_taken_back",
        _("撤回投诉"),
    ),
)
