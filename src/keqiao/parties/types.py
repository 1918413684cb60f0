"""Words of the parties context."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _


class OrganisationKind(models.TextChoices):
    UNIVERSITY = "university", _("高校")
    INSTITUTE = "institute", _("科研院所")
    HOSPITAL = "hospital", _("医疗机构")
    ENTERPRISE = "enterprise", _("企业")
    AGENCY = "agency", _("技术转移机构")
    EXCHANGE = "exchange", _("技术交易所")
    BANK = "bank", _("银行")
    INVESTOR = "investor", _("投资机构")
    ADMINISTRATION = "administration", _("管理部门")
    PARK = "park", _("科技园与孵化器")
    CHANNEL = "channel", _("渠道与分中心")
    REPOSITORY = "repository", _("文献库")


class Qualification(models.TextChoices):
    """Titles that an enterprise may hold; shown with it, never scored."""

    HITECH_ENTERPRISE = "hitech_enterprise", _("高新技术企业")
    TECH_SME = "tech_sme", _("科技型中小企业")
    TECH_LITTLE_GIANT = "tech_little_giant", _("科技小巨人")
    SPECIALISED_SME = "specialised_sme", _("专精特新中小企业")


class Role(models.TextChoices):
    RESEARCHER = "researcher", _("科研人员")
    CONVERSION_OFFICER = "conversion_officer", _("成果转化专员")
    RD_MANAGER = "rd_manager", _("研发负责人")
    TECHNOLOGY_MANAGER = "technology_manager", _("技术经理人")
    AGENCY_STAFF = "agency_staff", _("机构工作人员")
    EXCHANGE_OPERATOR = "exchange_operator", _("交易所工作人员")
    BANK_OFFICER = "bank_officer", _("银行客户经理")
    INVESTOR = "investor", _("投资人")
    ADMINISTRATOR = "administrator", _("平台管理员")
    AUDITOR = "auditor", _("审计人员")


@dataclass(frozen=True)
class Actor:
    """Who does something: a person with the organisations and roles of this moment, the system, or a visitor."""

    person_id: int | None = None
    organisation_ids: frozenset[int] = frozenset()
    roles: frozenset[str] = frozenset()
    is_system: bool = False
    name: str = ""

    @property
    def is_known(self) -> bool:
        """Signed in, or the system itself."""
        return self.is_system or self.person_id is not None

    @property
    def is_operator(self) -> bool:
        return self.is_system or Role.ADMINISTRATOR in self.roles

    def works_for(self, organisation_id: int | None) -> bool:
        return organisation_id is not None and organisation_id in self.organisation_ids
