"""Plain functions that build catalogue rows."""

from datetime import UTC, datetime
from itertools import count

from keqiao.catalogue.models import (
    Achievement,
    AchievementIndicator,
    AchievementText,
    Code,
    Need,
    NeedIndicator,
    NeedText,
)
from keqiao.catalogue.types import ItemState
from keqiao.parties.tests.factories import make_organisation

_number = count(1)
PUBLISHED_AT = datetime(2026, 11, 12, 1, 0, tzinfo=UTC)


def make_achievement(
    *, title="耐酸纳滤膜", summary="在 pH 1 下稳定的纳滤膜。", lang="zh", texts=None, indicators=(), **fields
):
    fields.setdefault("code", f"CG-2026-{next(_number):05d}")
    fields.setdefault("state", ItemState.PUBLISHED)
    fields.setdefault("published_at", PUBLISHED_AT)
    if "owner" not in fields:
        fields["owner"] = make_organisation(kind="university")
    achievement = Achievement.objects.create(**fields)
    for language, text in (texts or {lang: {"title": title, "summary": summary}}).items():
        AchievementText.objects.create(achievement=achievement, lang=language, **text)
    for position, row in enumerate(indicators):
        AchievementIndicator.objects.create(achievement=achievement, position=position, **row)
    return achievement


def make_need(
    *, title="耐酸纳滤膜的规模化涂覆", problem="现用膜三个月失效。", lang="zh", texts=None, indicators=(), **fields
):
    fields.setdefault("code", f"XQ-2026-{next(_number):05d}")
    fields.setdefault("state", ItemState.PUBLISHED)
    fields.setdefault("published_at", PUBLISHED_AT)
    if "publisher" not in fields:
        fields["publisher"] = make_organisation(kind="enterprise")
    need = Need.objects.create(**fields)
    for language, text in (texts or {lang: {"title": title, "problem": problem}}).items():
        NeedText.objects.create(need=need, lang=language, **text)
    for position, row in enumerate(indicators):
        NeedIndicator.objects.create(need=need, position=position, **row)
    return need


def make_code(scheme="field", code="materials", title_zh="新材料", title_en="Materials", parent="", **fields):
    fields.setdefault("edition", "2026")
    fields.setdefault("level", "1")
    fields.setdefault("position", next(_number))
    return Code.objects.create(scheme=scheme, code=code, title_zh=title_zh, title_en=title_en, parent=parent, **fields)
