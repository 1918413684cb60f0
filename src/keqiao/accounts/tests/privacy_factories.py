"""Plain functions that build rows of agreements, consents and requests."""

from datetime import date

from keqiao.accounts import selectors, services
from keqiao.accounts.models import Agreement
from keqiao.kernel import clock
from keqiao.parties import selectors as parties

system = parties.system()


def load_agreements():
    """The texts that ship with the platform, all in force."""
    services.load_agreements(actor=system)
    return {row.kind: row for row in selectors.agreements_in_force(clock.today())}


def make_agreement(kind="privacy", first_on=None, **fields):
    fields.setdefault("text_zh", "# 隐私政策\n\n第二版。\n")
    fields.setdefault("text_en", "# Privacy policy\n\nSecond version.\n")
    fields.setdefault("digest", "0" * 64)
    return Agreement.objects.create(kind=kind, first_on=first_on or date(2026, 11, 15), **fields)


def agree(actor, *kinds):
    """To what is required, or to the kinds given."""
    rows = selectors.agreements_in_force(clock.today())
    wanted = [row.key for row in rows if row.kind in (kinds or ("agreement", "privacy"))]
    services.give_consents(actor=actor, person_id=actor.person_id, documents=wanted)
    return wanted
