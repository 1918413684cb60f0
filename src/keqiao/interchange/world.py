"""What rows refer to, looked up once for a run: code tables, organisations, IP assets, choices by their names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import cache, cached_property, lru_cache
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import AssetKind, AssetStatus, BudgetShown, Evidence, Mode, Origin, Ownership, Shown
from keqiao.interchange.cells import half_width
from keqiao.interchange.values import Choices, Unreadable, as_filed, fold, short
from keqiao.kernel import clock
from keqiao.kernel.identifiers import IdentifierError, read_application_number, read_credit_code
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, OrganisationKind, Qualification, Role

SCHEME_EXAMPLES = {"field": "新材料", "region": "上海市", "gbt4754": "26", "gbt13745": "430"}
ALSO = {
    "mode": {
        "许可": "license_nonexclusive", "技术转让": "transfer", "专利转让": "transfer", "技术许可": "license_nonexclusive",
        "专利许可": "license_nonexclusive", "独占实施许可": "license_exclusive", "排他实施许可": "license_sole",
        "普通实施许可": "license_nonexclusive", "作价入股": "equity_contribution", "技术入股": "equity_contribution",
        "入股": "equity_contribution", "技术开发": "development", "合作开发": "development", "委托开发": "development",
        "联合开发": "development", "咨询": "consulting", "服务": "service",
    },
    "shown": {"是": "shown", "公开": "shown", "否": "hidden", "不公开": "hidden", "匿名": "hidden"},
    "budget_shown": {"是": "shown", "公开": "shown", "否": "hidden", "不公开": "hidden"},
    "ownership": {"单位": "institution", "职务成果": "institution", "赋权": "assigned", "共同所有": "joint"},
    "asset_kind": {"专利": "invention", "发明": "invention", "新型": "utility", "外观": "design", "软著": "software",
                   "计算机软件著作权": "software"},
    "asset_status": {"已授权": "granted", "有效": "granted", "有权": "granted", "在审": "pending", "实质审查": "pending",
                     "公开": "pending", "申请中": "pending", "登记": "registered"},
    "organisation": {"大学": "university", "高等院校": "university", "研究所": "institute", "医院": "hospital",
                     "公司": "enterprise"},
    "role": {"教师": "researcher", "研究人员": "researcher", "技术经纪人": "technology_manager"},
}  # fmt: skip


@cache
def choices(table: str) -> Choices:
    tables: dict[str, Iterable[tuple[str, Any]]] = {
        "mode": Mode.choices,
        "shown": Shown.choices,
        "budget_shown": BudgetShown.choices,
        "ownership": Ownership.choices,
        "origin": Origin.choices,
        "evidence": Evidence.choices,
        "asset_kind": AssetKind.choices,
        "asset_status": AssetStatus.choices,
        "organisation": OrganisationKind.choices,
        "qualification": Qualification.choices,
        "role": Role.choices,
        "region_wish": [("local", gettext_lazy("本地")), ("any", gettext_lazy("不限"))],
    }
    return Choices.of(tables[table], ALSO.get(table))


class World:
    """For one run over one file. Drafts are written for the importer's own organisation only; operators load and
    register for others too, but publish nothing of their own without review.
    """

    def __init__(
        self, actor: Actor, organisation_id: int | None, *, drafts: bool = False, publishes: bool = False
    ) -> None:
        self.actor = actor
        self.organisation_id = organisation_id
        self.drafts = drafts
        self.publishes = publishes
        self._organisation = lru_cache(maxsize=5_000)(self._find_organisation)
        self._is_verified = lru_cache(maxsize=5_000)(parties.may_publish)
        self._asset = lru_cache(maxsize=5_000)(self._find_asset)

    @cached_property
    def today(self) -> Any:
        return clock.today()

    @cached_property
    def _schemes(self) -> dict[str, dict[str, str]]:
        return {}

    # --- code tables ---

    def code(self, scheme: str, cell: Any) -> str:
        """The entry by its code or by its name; a name that two entries have must be given by code."""
        text = half_width(str(cell))
        found = self._scheme(scheme).get(fold(text), "")
        example = SCHEME_EXAMPLES.get(scheme, "")
        if found == "?":
            raise Unreadable(_("“%(value)s”在代码表里不止一处，请写代码。") % {"value": short(cell)}, example)
        if not found:
            raise Unreadable(_("代码表里没有“%(value)s”。") % {"value": short(cell)}, example)
        return found

    def _scheme(self, scheme: str) -> dict[str, str]:
        """Folded code or name → code. Short names (上海 for 上海市) are known where only one place has them."""
        if scheme not in self._schemes:
            words: dict[str, str] = {}
            names: dict[str, set[str]] = {}
            for code, zh, en in catalogue.codes_under(scheme).values_list("code", "title_zh", "title_en"):
                words[fold(code)] = code
                for name in filter(None, (zh, en, _short_region(zh) if scheme == "region" else "")):
                    names.setdefault(fold(name), set()).add(code)
            for name, codes in names.items():
                words.setdefault(name, next(iter(codes)) if len(codes) == 1 else "?")
            self._schemes[scheme] = words
        return self._schemes[scheme]

    # --- organisations ---

    def organisation(self, cell: Any) -> int:
        """Its id, by code, credit code or full name. One that the importer may not write for looks like a missing one."""
        found = self._organisation(half_width(str(cell)))
        if found is None or not self._may_write_for(found):
            raise Unreadable(
                _("没有找到单位“%(value)s”，或者您不能替它导入。") % {"value": short(cell)},
                _("您单位的全称或统一社会信用代码"),
            )
        return found

    def _may_write_for(self, organisation_id: int) -> bool:
        return self.actor.works_for(organisation_id) or (self.actor.is_operator and not self.drafts)

    def check_publisher(self, organisation_id: int | None) -> None:
        """Straight into public view: only of organisations that are verified, and never the operator's own."""
        if organisation_id is None:
            raise Unreadable(_("没有写明单位。"), _("您单位的全称或统一社会信用代码"))
        if not self.publishes:
            return
        if any(place.organisation_id == organisation_id for place in self.actor.workplaces):
            raise Unreadable(_("您自己单位的条目要经过审核，不能直接公开。请不勾“直接公开”再导入。"))
        if not self._is_verified(organisation_id):
            raise Unreadable(_("这家单位还没有通过核实，条目不能公开。"))

    def _find_organisation(self, text: str) -> int | None:
        rows = parties.organisations_visible_to(self.actor)
        found = rows.filter(code=text.upper()).first()
        if found is None and len(text) >= 15:
            try:
                found = rows.filter(credit_code=read_credit_code(text)).first()
            except IdentifierError:
                found = None
        if found is None:
            named = list(rows.filter(name_zh=text)[:2]) or list(rows.filter(name_en__iexact=text)[:2])
            found = named[0] if len(named) == 1 else None
        return found.pk if found else None

    # --- IP assets ---

    def asset(self, cell: Any, owner_id: int | None) -> int:
        """The id of a right of this owner, by its number as people write it."""
        found = self._asset(half_width(str(cell)), owner_id)
        if found is None:
            message = _("没有找到本单位的知识产权“%(value)s”，请先在知识产权里登记。")
            raise Unreadable(message % {"value": short(cell)}, "201310699744.2")
        return found

    def _find_asset(self, text: str, owner_id: int | None) -> int | None:
        if owner_id is None:
            return None
        numbers = [text]
        with contextlib.suppress(IdentifierError):
            numbers.append(read_application_number(as_filed(text)).number)
        return catalogue.assets_owned_by(owner_id).filter(number__in=numbers).values_list("pk", flat=True).first()


def _short_region(name: str) -> str:
    for ending in ("特别行政区", "壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "省", "市"):
        if name.endswith(ending) and len(name) - len(ending) >= 2:
            return name.removesuffix(ending)
    return ""
