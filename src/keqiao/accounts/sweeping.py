"""Takes somebody out of texts that others wrote, in the tables of every context, those to come included."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.apps import apps
from django.db.models import ForeignKey, Model, Q
from django.db.models.options import Options

from keqiao.kernel.personal import Identity
from keqiao.kernel.scrubbing import is_final, scrub

ORGANISATION = "parties.Organisation"
# These contexts do it themselves, since an index has to hear of it, or compute their texts from others'.
PASSED_CONTEXTS = {"submissions", "matching"}
PASSED = {
    *("catalogue.AchievementText", "catalogue.AchievementIndicator", "catalogue.TeamMember", "catalogue.Achievement"),
    *("catalogue.NeedText", "catalogue.NeedIndicator", "catalogue.Need", "catalogue.Attachment"),
    *("experts.ExpertProfile", "experts.ExpertPaper", "experts.ExpertWord"),
    *("catalogue.Code", "kernel.Parameter"),  # code tables and rule packs
    "kernel.SiteSettings",  # how to reach the site's operators: theirs to change
}
# An institute may bear the name of a person, and so may a colleague.
NAMES = {
    ORGANISATION: ("name_zh", "name_en", "short_zh", "short_en", "source"),
    "parties.OrganisationAlias": ("name",),
    "parties.Person": ("name_zh", "name_en"),
}


def sweep(identity: Identity, organisations: Collection[int]) -> None:
    """Addresses go everywhere; the name goes from what belongs to these organisations: elsewhere it may be another's."""
    for model in swept():
        rows = model._base_manager.all()  # noqa: SLF001 -- any of our tables
        scrub(rows, Identity((), identity.addresses))
        if paths := list(homes(model)):
            at_home = Q(*(Q(**{path: organisations}) for path in paths), _connector=Q.OR)
            keys = rows.filter(at_home).values("pk")
            scrub(rows.filter(pk__in=keys), identity, also_never=NAMES.get(_meta(model).label, ()))


def swept() -> Iterator[type[Model]]:
    """Every table of ours whose rows may be written again."""
    for model in apps.get_models():
        ours = model.__module__.startswith("keqiao.") and _meta(model).app_label not in PASSED_CONTEXTS
        if ours and _meta(model).label not in PASSED and not is_final(model):
            yield model


def homes(model: type[Model]) -> Iterator[str]:
    """How the table's rows name organisations: themselves, or by a row that they belong to or that belongs to them."""
    if _meta(model).label == ORGANISATION:
        yield "pk__in"
        return
    nearby = [(key.name, key.related_model) for key in _foreign_keys(model)]
    nearby += [(relation.name, relation.related_model) for relation in _meta(model).related_objects]  # a deal's owners
    for name, other in nearby:
        if _meta(other).label == ORGANISATION:
            yield f"{name}__in"
        else:
            yield from (f"{name}__{key.name}__in" for key in _foreign_keys(other) if _is_to_organisation(key))


def _is_to_organisation(key: ForeignKey[Model, Model]) -> bool:
    return _meta(key.related_model).label == ORGANISATION


def _foreign_keys(model: type[Model]) -> list[ForeignKey[Model, Model]]:
    return [field for field in _meta(model).concrete_fields if isinstance(field, ForeignKey)]


def _meta(model: Any) -> Options[Any]:
    found: Options[Any] = model._meta  # noqa: SLF001 -- Django's documented model API
    return found
