"""Which stored matches are out of date."""

from collections.abc import Collection

from keqiao.catalogue import selectors as catalogue
from keqiao.matching import indexing, scoring
from keqiao.matching.models import Computation, Study


def needs_to_compute(limit: int | None = None) -> list[int]:
    """Ids of published needs whose matches no computation of the present version made."""
    if not indexing.is_ready():
        return []
    done = Computation.objects.filter(version=scoring.version()).values("need_id")
    return list(catalogue.published_ids("need").exclude(pk__in=done).values_list("pk", flat=True)[:limit])


def needs_to_study(limit: int | None = None, but: Collection[int] = ()) -> list[int]:
    """Ids of needs, `but` these, whose matches are of the present version and were not studied by it since they last
    changed.
    """
    if not indexing.is_ready():
        return []
    version = scoring.version()
    done = Study.objects.filter(version=version).values("need_id")
    rows = Computation.objects.filter(version=version, need__in=catalogue.published_ids("need"))
    rows = rows.exclude(need_id__in=done).exclude(need_id__in=but)
    return list(rows.order_by("need_id").values_list("need_id", flat=True)[:limit])
