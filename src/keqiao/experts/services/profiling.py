"""What people say of themselves as experts, and their consent to be found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from django.utils.translation import gettext as _

from keqiao.experts import selectors
from keqiao.experts.models import (
    Availability,
    DeclaredConflict,
    ExpertAchievement,
    ExpertPaper,
    ExpertProfile,
    ExpertWord,
)
from keqiao.experts.refreshing import changed
from keqiao.experts.types import DeclaredTie
from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command, publishes
from keqiao.kernel.errors import BadInput, NotAllowed, WrongState
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = [
    "add_paper",
    "add_period",
    "declare_conflict",
    "list_expert",
    "remove_conflict",
    "remove_paper",
    "remove_period",
    "rewrite_expert",
    "unlist_expert",
]

MOST_PAPERS, MOST_PERIODS, MOST_CONFLICTS = 100, 50, 100
MOST_CAPACITY = 50
LONGEST_STATEMENT, LONGEST_ABSTRACT = 2_000, 5_000
DOI = re.compile(r"10\.\d{4,9}/\S{1,180}")
EARLIEST = 1900


@command
def rewrite_expert(
    *, actor: Actor, statement_zh: str = "", statement_en: str = "", capacity: int = 2, works: Sequence[str] = ()
) -> ExpertProfile:
    """One's own entry: what one can help with, how much at a time, in which achievements one took part."""
    profile = _own(actor)
    claimed = {item.code: item.pk for item in selectors.possible_works(actor).filter(code__in=list(works))}
    if missing := set(works) - set(claimed):
        raise BadInput(_("成果 %(code)s 的团队里没有您的姓名，不能列入。") % {"code": min(missing)}, field="works")
    profile.statement_zh = _text(statement_zh, LONGEST_STATEMENT, "statement_zh")
    profile.statement_en = _text(statement_en, LONGEST_STATEMENT, "statement_en")
    profile.capacity = _capacity(capacity)
    profile.save(update_fields=["statement_zh", "statement_en", "capacity"])
    ExpertAchievement.objects.filter(profile=profile).exclude(achievement_id__in=claimed.values()).delete()
    have = set(ExpertAchievement.objects.filter(profile=profile).values_list("achievement_id", flat=True))
    ExpertAchievement.objects.bulk_create(
        ExpertAchievement(profile=profile, achievement_id=pk) for pk in sorted(set(claimed.values()) - have)
    )
    changed(profile)
    record("experts.expert_rewritten", profile, actor=actor)
    return profile


@command
def add_paper(*, actor: Actor, title: str, doi: str = "", year: int | None = None, abstract: str = "") -> ExpertPaper:
    """A paper or book, by its title and perhaps its DOI. The same one is kept once."""
    profile = _own(actor)
    title, doi = _text(title, 300, "title"), _doi(doi)
    if not title:
        raise BadInput(_("填论文或著作的题名。"), field="title")
    if year is not None and not EARLIEST <= year <= clock.today().year + 1:
        raise BadInput(_("年份写成 2024 的样子。"), field="year")
    same = profile.papers.filter(doi=doi) if doi else profile.papers.filter(title=title, year=year)
    if (found := same.first()) is not None:
        return found
    if profile.papers.count() >= MOST_PAPERS:
        raise BadInput(_("论文与著作最多 100 项，请先移除不用的。"), field="title")
    paper = ExpertPaper.objects.create(
        profile=profile, title=title, doi=doi, year=year, abstract=_text(abstract, LONGEST_ABSTRACT, "abstract")
    )
    changed(profile)
    record("experts.paper_added", profile, actor=actor)
    return paper


@command
def remove_paper(*, actor: Actor, paper_id: int) -> None:
    profile = _own(actor)
    selectors.get_paper(profile, paper_id).delete()
    changed(profile)
    record("experts.paper_removed", profile, actor=actor)


@command
def add_period(*, actor: Actor, first_on: date, last_on: date, capacity: int) -> Availability:
    """From one day to another, both included, more or fewer tasks than usual; 0 is away."""
    profile = _own(actor)
    if last_on < first_on:
        raise BadInput(_("最后一天不能早于第一天。"), field="last_on")
    if last_on < clock.today():
        raise BadInput(_("这段时间已经过去了。"), field="last_on")
    if profile.periods.count() >= MOST_PERIODS:
        raise BadInput(_("最多 50 段时间，请先移除不用的。"), field="first_on")
    period = Availability.objects.create(
        profile=profile, first_on=first_on, last_on=last_on, capacity=_capacity(capacity)
    )
    record("experts.period_added", profile, actor=actor)
    return period


@command
def remove_period(*, actor: Actor, period_id: int) -> None:
    profile = _own(actor)
    selectors.get_period(profile, period_id).delete()
    record("experts.period_removed", profile, actor=actor)


@command
def declare_conflict(
    *, actor: Actor, organisation_code: str, kind: str, last_on: date | None = None, note: str = ""
) -> DeclaredConflict:
    """Keep out of an organisation's needs. Declared again, the newer declaration counts."""
    profile = _own(actor)
    organisation = parties.get_organisation(organisation_code, actor=actor)
    if kind not in DeclaredTie.values:
        raise BadInput(_("请从列表里选回避的原因。"), field="kind")
    if profile.conflicts.exclude(organisation=organisation).count() >= MOST_CONFLICTS:
        raise BadInput(_("回避的单位最多 100 家。"), field="organisation")
    conflict, _new = DeclaredConflict.objects.update_or_create(
        profile=profile,
        organisation=organisation,
        defaults={"kind": kind, "last_on": last_on, "note": _text(note, 300, "note")},
    )
    record("experts.conflict_declared", profile, actor=actor)
    return conflict


@command
def remove_conflict(*, actor: Actor, conflict_id: int) -> None:
    profile = _own(actor)
    selectors.get_conflict(profile, conflict_id).delete()
    record("experts.conflict_removed", profile, actor=actor)


@publishes
@command
def list_expert(*, actor: Actor) -> ExpertProfile:
    """The person agrees to be found as an expert, from now until they take it back."""
    profile = _own(actor)
    if profile.is_listed:
        return profile
    if not selectors.evidence_of_each([profile])[profile.pk]:
        raise WrongState(_("先填自述、论文或参与的成果，再加入专家库。"))
    profile.is_listed, profile.listed_at = True, clock.now()
    profile.save(update_fields=["is_listed", "listed_at"])
    changed(profile)
    record("experts.expert_listed", profile, actor=actor)
    return profile


@command
def unlist_expert(*, actor: Actor) -> ExpertProfile:
    """Consent is taken back: at once nobody finds them. Tasks that they accepted stay with them."""
    profile = _own(actor)
    if profile.is_listed:
        profile.is_listed, profile.unlisted_at, profile.words, profile.indexed_revision = False, clock.now(), 0, 0
        profile.save(update_fields=["is_listed", "unlisted_at", "words", "indexed_revision"])
        ExpertWord.objects.filter(profile=profile).delete()
        record("experts.expert_unlisted", profile, actor=actor)
    return profile


# --- reading what was given -------------------------------------------------------------------------------------------


def _own(actor: Actor) -> ExpertProfile:
    """The actor's entry, locked; made when there is none. Nobody else writes it."""
    if actor.person_id is None:
        raise NotAllowed
    ExpertProfile.objects.get_or_create(person_id=actor.person_id, defaults={"code": codes.fresh(ExpertProfile, "ZJ")})
    rows = ExpertProfile.objects.select_for_update(of=("self",), no_key=True).select_related("person")
    return rows.get(person_id=actor.person_id)


def _text(text: str, longest: int, field: str) -> str:
    plain = text.replace("\x00", "").strip()
    if len(plain) > longest:
        raise BadInput(_("最多 %(n)s 个字。") % {"n": longest}, field=field)
    return plain


def _capacity(number: int) -> int:
    if not 0 <= number <= MOST_CAPACITY:
        raise BadInput(_("同时承担的件数填 0 到 50，例如 2。"), field="capacity")
    return number


def _doi(text: str) -> str:
    plain = re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", "", text.strip(), flags=re.IGNORECASE)
    if plain and not DOI.fullmatch(plain):
        raise BadInput(_("DOI 写成 10.1000/xyz123 的样子。"), field="doi")
    return plain.lower()
