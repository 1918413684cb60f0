"""Which stored matches are out of date."""

from keqiao.catalogue import selectors as catalogue
from keqiao.matching import indexing, scoring
from keqiao.matching.models import Computation


def needs_to_compute(limit: int | None = None) -> list[int]:
    """Ids of published needs whose matches no computation of the present version made."""
    if not indexing.is_ready():
        return []
    done = Computation.objects.filter(version=scoring.version()).values("need_id")
    return list(catalogue.published_ids("need").exclude(pk__in=done).values_list("pk", flat=True)[:limit])
