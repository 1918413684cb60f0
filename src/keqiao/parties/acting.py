"""Who acts: the person behind an account, and where they hold which roles today. Asked with every request."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from django.db import connection

from keqiao.kernel import clock
from keqiao.parties.types import PLATFORM_ROLES, Workplace

# One question, and without the mapper it costs a sixth. One's own posts come first.
WHO_ACTS = """
WITH me AS (
    SELECT person.id, COALESCE(NULLIF(person.name_zh, ''), person.name_en) AS name
    FROM parties_person person JOIN auth_user account ON account.id = person.user_id
    WHERE account.id = %(user)s AND account.is_active
), held AS (
    SELECT post.id, post.organisation_id, post.role,
           NULL::bigint AS absent_id, NULL::date AS first_on, NULL::date AS last_on
    FROM me JOIN parties_post post ON post.person_id = me.id
    WHERE post.ended_on IS NULL
    UNION ALL
    SELECT post.id, post.organisation_id, post.role, post.person_id, absence.first_on, absence.last_on
    FROM me JOIN parties_absence absence ON absence.substitute_id = me.id
    JOIN parties_post post ON (post.person_id, post.organisation_id) = (absence.person_id, absence.organisation_id)
    WHERE absence.ended_at IS NULL AND post.ended_on IS NULL AND post.role <> ALL (%(platform)s)
)
SELECT me.id, me.name, place.id, place.code, place.name_zh, place.name_en,
       held.role, held.absent_id, held.first_on, held.last_on
FROM me LEFT JOIN (
    held JOIN parties_organisation place ON place.id = held.organisation_id AND place.merged_into_id IS NULL
) ON TRUE
ORDER BY held.absent_id IS NOT NULL, held.id
"""


class _Held(NamedTuple):
    """A role in an organisation: one's own, or of an absent colleague for whom one is named."""

    organisation_id: int
    code: str
    name_zh: str
    name_en: str
    role: str
    absent_id: int | None
    first_on: date | None
    last_on: date | None

    def is_for(self, today: date) -> bool:
        return self.first_on is not None and self.last_on is not None and self.first_on <= today <= self.last_on


def who(user: Any) -> tuple[int, str, list[Workplace]] | None:
    """Id and name of the person, and the organisations that they act for; None without a person or a live account."""
    with connection.cursor() as cursor:
        cursor.execute(WHO_ACTS, {"user": user.pk, "platform": list(PLATFORM_ROLES)})
        rows = cursor.fetchall()
    if not rows:
        return None
    person_id, name = rows[0][:2]
    return person_id, name, _workplaces([_Held(*row[2:]) for row in rows if row[2] is not None])


def _workplaces(held: list[_Held]) -> list[Workplace]:
    """One's own posts of now, and in the same organisations the roles of absent colleagues one stands in for.

    The platform's own roles are not passed on.
    """
    own = [row for row in held if row.absent_id is None]
    roles: dict[int, set[str]] = {}
    for row in own:
        roles.setdefault(row.organisation_id, set()).add(row.role)
    standing_in: dict[int, set[int]] = {}
    for row in _of_today([row for row in held if row.absent_id is not None and row.organisation_id in roles]):
        roles[row.organisation_id].add(row.role)
        standing_in.setdefault(row.organisation_id, set()).add(row.absent_id)  # type: ignore[arg-type]  # chosen above
    return [
        Workplace(
            organisation_id=pk,
            code=row.code,
            name_zh=row.name_zh,
            name_en=row.name_en,
            roles=frozenset(roles[pk]),
            standing_in_for=tuple(sorted(standing_in.get(pk, ()))),
        )
        for pk, row in {row.organisation_id: row for row in own}.items()
    ]


def _of_today(held: list[_Held]) -> list[_Held]:
    if not held:
        return []
    today = clock.today()
    return [row for row in held if row.is_for(today)]
