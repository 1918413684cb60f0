"""Words of the parties context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import WrongState


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
    FINANCE_OFFICER = "finance_officer", _("财务人员")
    ADMINISTRATOR = "administrator", _("平台管理员")
    AUDITOR = "auditor", _("审计人员")


class VerificationState(models.TextChoices):
    """What became of an organisation's request to be verified."""

    OPEN = "open", _("待核实")
    ASKED = "asked", _("待补充")
    APPROVED = "approved", _("已核实")
    DECLINED = "declined", _("未通过核实")


class JoinState(models.TextChoices):
    OPEN = "open", _("待答复")
    APPROVED = "approved", _("已同意")
    DECLINED = "declined", _("未同意")
    TAKEN_BACK = "taken_back", _("已撤回")


class InvitationState(models.TextChoices):
    OPEN = "open", _("未使用")
    USED = "used", _("已使用")
    WITHDRAWN = "withdrawn", _("已收回")


class NoteKind(models.TextChoices):
    """A line in the record of a verification."""

    QUESTION = "question", _("提问")
    ANSWER = "answer", _("答复")
    REASON = "reason", _("不通过的理由")


class Scheme(models.TextChoices):
    """Registers that give organisations an identifier."""

    LEI = "lei", "LEI"
    ROR = "ror", "ROR"
    ISNI = "isni", "ISNI"
    GRID = "grid", "GRID"
    REGISTRATION = "registration", _("境外登记号")


class ShownPart(models.TextChoices):
    """What a person may show of themselves on their organisation's page. Contact is never among it."""

    NAME = "name", _("姓名")
    TITLE = "title", _("职务")
    EXPERTISE = "expertise", _("专长")
    ORCID = "orcid", "ORCID"


class InvitationUsed(WrongState):
    """One invitation lets one person in."""

    message = _("这份邀请已经用过了：一份邀请只能用一次。需要的话，请对方再发一份。")


class InvitationOver(WrongState):
    """It was withdrawn, or its last moment has passed."""

    message = _("这份邀请已经失效。需要的话，请对方再发一份。")


class NobodyLeft(WrongState):
    """An organisation keeps somebody who may let others in."""

    message = _("这是单位里最后一位可以办理的人。请先请另一位同事担任，再办这一步。")


# The platform gives these, in any organisation that runs or audits it; nobody asks for them or passes them on.
PLATFORM_ROLES = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})

_RESEARCH = (Role.RESEARCHER, Role.CONVERSION_OFFICER, Role.RD_MANAGER, Role.TECHNOLOGY_MANAGER)
_OFFICE = (Role.AGENCY_STAFF, Role.TECHNOLOGY_MANAGER)

# The roles that make sense in an organisation of each kind; the first is the one offered to who founds it.
ROLES_OF_KIND: Mapping[str, tuple[Role, ...]] = {
    OrganisationKind.UNIVERSITY: (Role.CONVERSION_OFFICER, *(r for r in _RESEARCH if r != Role.CONVERSION_OFFICER)),
    OrganisationKind.INSTITUTE: (Role.CONVERSION_OFFICER, *(r for r in _RESEARCH if r != Role.CONVERSION_OFFICER)),
    OrganisationKind.HOSPITAL: (Role.CONVERSION_OFFICER, *(r for r in _RESEARCH if r != Role.CONVERSION_OFFICER)),
    OrganisationKind.ENTERPRISE: (Role.RD_MANAGER, Role.CONVERSION_OFFICER, Role.RESEARCHER, Role.TECHNOLOGY_MANAGER),
    OrganisationKind.AGENCY: _OFFICE,
    OrganisationKind.EXCHANGE: (Role.EXCHANGE_OPERATOR, Role.TECHNOLOGY_MANAGER),
    OrganisationKind.BANK: (Role.BANK_OFFICER,),
    OrganisationKind.INVESTOR: (Role.INVESTOR,),
    OrganisationKind.ADMINISTRATION: (Role.AGENCY_STAFF,),
    OrganisationKind.PARK: _OFFICE,
    OrganisationKind.CHANNEL: _OFFICE,
    OrganisationKind.REPOSITORY: (),
}

# Who may let others in and write the organisation's own page.
APPROVING_ROLES = frozenset(
    {
        Role.CONVERSION_OFFICER,
        Role.RD_MANAGER,
        Role.AGENCY_STAFF,
        Role.EXCHANGE_OPERATOR,
        Role.BANK_OFFICER,
        Role.INVESTOR,
        Role.ADMINISTRATOR,
    }
)

# A repository of open texts has no people.
FOUNDED_BY_ITSELF = tuple(kind for kind in OrganisationKind if kind != OrganisationKind.REPOSITORY)


def roles_in(kind: str, *, with_platform: bool = False) -> tuple[Role, ...]:
    """The roles that one may hold in an organisation of this kind."""
    roles = ROLES_OF_KIND.get(kind, ())
    roles = (*roles, Role.FINANCE_OFFICER) if roles else roles  # whoever has people keeps books
    return (*roles, Role.ADMINISTRATOR, Role.AUDITOR) if with_platform else roles


def founding_roles(kind: str) -> tuple[Role, ...]:
    """Who founds an organisation must be able to let others in."""
    return tuple(role for role in roles_in(kind) if role in APPROVING_ROLES)


@dataclass(frozen=True)
class Workplace:
    """One organisation in which somebody holds posts, with the roles of this moment there."""

    organisation_id: int
    code: str
    name_zh: str
    name_en: str
    roles: frozenset[str]
    standing_in_for: tuple[int, ...] = ()  # ids of absent colleagues whose roles are among them

    def __str__(self) -> str:
        return self.name_zh or self.name_en


@dataclass(frozen=True)
class Actor:
    """Who does something: a person with the posts of this moment, the system, or a visitor.

    Somebody in several organisations acts for one at a time: `posts`, `roles` and `organisation_ids` are those of
    `acting_for` alone. A role counts only where it is held: ask `has_role(organisation_id, …)`, not `roles`.
    """

    person_id: int | None = None
    posts: frozenset[tuple[int, str]] = frozenset()
    acting_for: int | None = None
    workplaces: tuple[Workplace, ...] = ()  # all of them, for the menu
    is_system: bool = False
    name: str = ""
    only_reads: bool = False  # staff who stand in for this person: every command is refused

    @property
    def is_known(self) -> bool:
        """Signed in, or the system itself."""
        return self.is_system or self.person_id is not None

    @property
    def organisation_ids(self) -> frozenset[int]:
        return frozenset(organisation_id for organisation_id, _role in self.posts)

    @property
    def roles(self) -> frozenset[str]:
        """For what needs a role anywhere, such as a menu; a right over something asks has_role."""
        return frozenset(role for _organisation_id, role in self.posts)

    @property
    def is_operator(self) -> bool:
        """The role of administrator is given by the platform alone, so holding it anywhere is enough."""
        return self.is_system or Role.ADMINISTRATOR in self.roles

    @property
    def is_in_charge(self) -> bool:
        """May let others in and write in the name of the organisation that they act for now."""
        return self.has_role(self.acting_for, *APPROVING_ROLES)

    @property
    def operates_somewhere(self) -> bool:
        """An operator, also while acting for another of their organisations."""
        return self.is_system or any(Role.ADMINISTRATOR in place.roles for place in self.workplaces)

    @property
    def workplace(self) -> Workplace | None:
        """The organisation that the actor acts for now."""
        return next((place for place in self.workplaces if place.organisation_id == self.acting_for), None)

    def works_for(self, organisation_id: int | None) -> bool:
        return organisation_id is not None and organisation_id in self.organisation_ids

    def has_role(self, organisation_id: int | None, *roles: str) -> bool:
        """Does the actor hold one of these roles in this very organisation?"""
        return any(place == organisation_id and role in roles for place, role in self.posts)
