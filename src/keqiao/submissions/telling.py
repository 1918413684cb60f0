"""Notices about submissions and complaints: to whom, and in which words. A title is the most that a notice carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from keqiao.kernel import notices
from keqiao.parties.types import Actor
from keqiao.submissions.changes import title_of

if TYPE_CHECKING:
    from keqiao.submissions.models import Complaint, Submission

LONGEST_TITLE = 80
# kind → what the author's side reads; {title} is the item's title in that language
TO_AUTHORS = {
    "approved": ("单位已同意，转平台审核：{title}", "Your organisation agreed; now with the platform: {title}"),
    "returned": ("退回补充：{title}", "Sent back with questions: {title}"),
    "promised": ("审核答复期限有变：{title}", "A new date for the answer: {title}"),
    "accepted": ("已通过并公开：{title}", "Accepted and public: {title}"),
    "declined": ("未通过审核：{title}", "Not accepted: {title}"),
    "skipped": ("无需单位审核，已转平台审核：{title}", "No organisation review needed; now with the platform: {title}"),
}
# kind → what the reviewers of the organisation read
TO_COLLEAGUES = {
    "to_review": ("待您单位审核：{title}", "For your organisation to review: {title}"),
    "handed": ("同事转交给您审核：{title}", "Handed to you for review: {title}"),
    "answered": ("提问已有答复：{title}", "Your question was answered: {title}"),
    "taken_back": ("作者撤回了申报：{title}", "Taken back by its author: {title}"),
    "overdue": ("已超过答复期限：{title}", "The promised answer is overdue: {title}"),
}
# kind → what the platform's reviewers read: the number only, since it is not their organisation's
TO_PLATFORM = {
    "to_review": ("待平台审核：{code}", "For the platform to review: {code}"),
    "handed": ("同事转交给您审核：{code}", "Handed to you for review: {code}"),
    "answered": ("提问已有答复：{code}", "Your question was answered: {code}"),
    "taken_back": ("作者撤回了申报：{code}", "Taken back by its author: {code}"),
    "overdue": ("已超过答复期限：{code}", "The promised answer is overdue: {code}"),
}


def tell_authors(submission: Submission, kind: str, cause: int, *, actor: Actor, also: Iterable[int] = ()) -> None:
    people = {submission.author_id, *submission.writers, *also}
    _tell(submission, people, TO_AUTHORS[kind], kind, cause, actor, f"/submissions/{submission.code}")


def tell_reviewers(
    submission: Submission, people: Iterable[int], kind: str, cause: int, *, actor: Actor, is_platform: bool
) -> None:
    words = (TO_PLATFORM if is_platform else TO_COLLEAGUES)[kind]
    _tell(submission, people, words, kind, cause, actor, f"/review/{submission.code}")


def _tell(
    submission: Submission,
    people: Iterable[int],
    words: tuple[str, str],
    kind: str,
    cause: int,
    actor: Actor,
    link: str,
) -> None:
    """Once per person and cause (the note that it is about); never to who did it."""
    zh, en = (
        text.format(title=(title_of(submission.content, lang) or submission.code)[:LONGEST_TITLE], code=submission.code)
        for text, lang in zip(words, ("zh", "en"), strict=True)
    )
    for person_id in sorted(set(people) - {actor.person_id}):
        notices.tell(
            actor=actor,
            person_id=person_id,
            kind=f"submissions.{kind}",
            key=f"submissions.{kind}:{submission.code}:{cause}",
            title_zh=zh,
            title_en=en,
            link=link,
        )


COMPLAINT_WORDS = {
    "complaint_made": ("收到一件投诉：{code}", "A complaint came in: {code}"),
    "complaint_taken_up": (
        "有人对贵单位公开的内容提出投诉：{code}",
        "A complaint about what your organisation published: {code}",
    ),
    "complaint_received": ("您的投诉已受理：{code}", "Your complaint was taken up: {code}"),
    "complaint_upheld": ("投诉成立，相关内容已撤下：{code}", "Complaint upheld, the item was withdrawn: {code}"),
    "complaint_dismissed": ("投诉不成立：{code}", "Complaint dismissed: {code}"),
    "complaint_ended": ("投诉已撤回：{code}", "The complaint was taken back: {code}"),
    "complaint_answered": ("被投诉单位已陈述意见：{code}", "The owner stated their view: {code}"),
}


def tell_of_complaint(complaint: Complaint, people: Iterable[int], kind: str, *, actor: Actor) -> None:
    """The number only: neither what was said nor who said it."""
    zh, en = (text.format(code=complaint.code) for text in COMPLAINT_WORDS[kind])
    for person_id in sorted(set(people) - {actor.person_id}):
        notices.tell(
            actor=actor,
            person_id=person_id,
            kind=f"submissions.{kind}",
            key=f"submissions.{kind}:{complaint.code}",
            title_zh=zh,
            title_en=en,
            link=f"/complaints/{complaint.code}",
        )
