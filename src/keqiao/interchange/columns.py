"""The columns of every kind of file: their names in both languages, what they mean, an example, and how a cell is read.

`target` is the place in the content that a cell fills (texts.zh.title); `shape` says which reader of rows.py does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.translation import gettext_lazy as _

from keqiao.interchange.types import Kind


@dataclass(frozen=True)
class Column:
    name: str
    zh: str
    en: str
    meaning: Any
    example: str
    shape: str = "text"
    target: str = ""
    required: bool = False
    also: tuple[str, ...] = ()  # other names that people write
    table: str = ""  # of codes, or of choices

    @property
    def place(self) -> str:
        return self.target or self.name


EXTERNAL_ID = Column(
    "external_id", "外部编号", "External id", _("您自己系统里的编号。再次导入同一编号就更新那一条，不会多出一条。"),
    "LUT-2026-017", also=("外部ID", "编号（本单位）", "原编号", "项目编号", "成果编号", "需求编号", "id"),
)  # fmt: skip
CODE = Column(
    "code", "平台编号", "Code", _("平台上已有条目的编号，用来更新它；新条目留空。"), "CG-2026-00642", also=("科桥编号",)
)
REGION = Column(
    "region", "地区", "Region", _("行政区划名称或代码。"), "上海市", "code", table="region",
    also=("所在地", "所属地区", "所在地区", "省市", "行政区划"),
)  # fmt: skip


def _texts(parts: tuple[tuple[str, str, str, Any, str, bool, tuple[str, ...]], ...]) -> list[Column]:
    """A Chinese and an English column for every part of the text; one language is enough, so none is required here."""
    found = []
    for name, zh, en, meaning, example, required, also in parts:
        found.append(Column(name, zh, en, meaning, example, target=f"texts.zh.{name}", required=required, also=also))
    for name, zh, en, _meaning, _example, _required, _also in parts:
        found.append(
            Column(
                f"{name}_en",
                f"{zh}（英文）",
                f"{en} (English)",
                _("同一内容的英文版，可以不填。"),
                "",
                target=f"texts.en.{name}",
                also=(f"英文{zh}",),
            )
        )
    found += [
        Column("origin_zh", "中文版来源", "Origin of the Chinese text", _("原文、人工翻译或机器翻译；留空是原文。"), "原文",
               "choice", "texts.zh.origin", table="origin"),
        Column("origin_en", "英文版来源", "Origin of the English text", _("原文、人工翻译或机器翻译；留空是原文。"), "人工翻译",
               "choice", "texts.en.origin", table="origin"),
    ]  # fmt: skip
    return found


def _shared(price: Column) -> list[Column]:
    return [
        Column("field", "产业领域", "Field", _("平台的产业领域，写名称或代码。"), "新材料", "code", required=True, table="field",
               also=("领域", "技术领域", "行业领域", "所属领域")),
        REGION,
        Column("keywords", "关键词", "Keywords", _("几个词，用顿号或分号隔开。"), "纳滤膜、耐酸", "words", "keywords_zh",
               also=("关键字", "标签")),
        Column("keywords_en", "关键词（英文）", "Keywords (English)", _("几个英文词，用分号隔开。"),
               "nanofiltration; acid", "words"),
        Column("modes", "合作方式", "Modes", _("一种或几种，用顿号隔开。"), "转让、普通许可", "choices", table="mode",
               also=("转化方式", "合作模式", "拟合作方式", "交易方式")),
        price,
        Column("ipc", "IPC分类号", "IPC", _("国际专利分类号。"), "B01D 71/56", "words", also=("IPC", "专利分类号")),
        Column("industry", "国民经济行业", "Industry", _("GB/T 4754 的代码或名称。"), "C26", "codes", table="gbt4754",
               also=("行业", "所属行业", "行业代码")),
        Column("discipline", "学科", "Discipline", _("GB/T 13745 的代码或名称。"), "430", "codes", table="gbt13745",
               also=("学科分类", "所属学科")),
    ]  # fmt: skip


def _organisation(zh: str, en: str, also: tuple[str, ...]) -> Column:
    return Column("organisation", zh, en, _("单位全称、平台编号或统一社会信用代码；留空就是您的单位。"), "澜江理工大学",
                  "organisation", also=also)  # fmt: skip


ACHIEVEMENTS = [
    EXTERNAL_ID,
    CODE,
    _organisation("完成单位", "Owner", ("单位", "所属单位", "持有单位", "权利人", "单位名称")),
    *_texts((
        ("title", "成果名称", "Title", _("一句话说清是什么。"), "耐酸纳滤膜", True, ("名称", "标题", "项目名称", "成果标题")),
        ("summary", "成果简介", "Summary", _("是什么、做到了什么。"), "在 pH 1 下稳定运行的纳滤膜。", True,
         ("简介", "摘要", "成果介绍", "成果描述", "内容简介")),
        ("problem", "解决的问题", "Problem solved", _("它解决什么问题。"), "现用膜在强酸里三个月失效。", False,
         ("应用场景", "解决问题")),
        ("how", "技术方案", "How it works", _("怎样做到的。"), "聚磺酰胺分离层。", False, ("技术路线", "核心技术", "技术原理")),
        ("stage", "研发阶段", "Stage", _("做到哪一步。"), "完成中试。", False, ("成果阶段", "所处阶段", "阶段")),
        ("incumbent", "现有做法", "Incumbent", _("今天人们用什么。"), "进口聚酰胺膜。", False, ("国内外现状", "对比技术")),
        ("advantage", "优势", "Advantage", _("比现有做法好在哪里。"), "寿命四倍。", False, ("创新点", "技术优势", "先进性")),
    )),
    *_shared(Column("price", "报价", "Asking price", _("带单位的金额或范围，或者“面议”。"), "300–500万元", "price", "price_kind",
                    also=("价格", "转让价格", "意向价格", "拟转让价格", "报价（万元）"))),
    Column("price_for", "报价对应方式", "Price is for", _("报价是哪一种合作方式的。"), "普通许可", "choice", table="mode"),
    Column("trl", "技术成熟度", "TRL", _("1 到 9 级。"), "TRL 6", "trl", also=("成熟度", "TRL等级", "技术成熟度等级")),
    Column("trl_evidence", "成熟度依据", "TRL evidence", _("几条依据，用分号隔开。"), "中试报告", "words", "trl_evidence_zh"),
    Column("trl_evidence_en", "成熟度依据（英文）", "TRL evidence (English)", _("几条依据，用分号隔开。"), "", "words"),
    Column("indicators", "指标", "Indicators",
           _("名称、比较、数值、单位，几项用分号隔开。写成句子也可以：读出的指标在草稿里逐项确认。"),
           "水通量≥15 LMH/bar；脱盐率≥98%",
           "indicators", also=("技术指标", "主要指标", "性能指标", "主要技术指标")),
    Column("ownership", "权属", "Ownership", _("单位所有、已赋权给完成人或共有。"), "单位所有", "choice", table="ownership",
           also=("权利归属", "产权归属")),
    Column("team", "团队", "Team", _("姓名（职称，分工），几人用分号隔开。"), "林若川（教授，技术负责人）", "team",
           also=("完成人", "团队成员", "主要完成人", "发明人")),
    Column("unit", "院系", "Unit", _("单位下面的院系或课题组。"), "材料学院", target="unit_zh", also=("部门", "所属院系", "学院")),
    Column("unit_en", "院系（英文）", "Unit (English)", _("单位下面的院系或课题组。"), ""),
    Column("assets", "知识产权", "IP assets", _("专利申请号等，先在知识产权里登记。"), "201310699744.2", "assets", "asset_ids",
           also=("专利号", "专利申请号", "相关专利")),
    Column("disclosed_on", "公开日期", "Disclosed on", _("成果首次公开的日期。"), "2026-03-01", "date", also=("披露日期",)),
]  # fmt: skip

NEEDS = [
    EXTERNAL_ID,
    Column("code", "平台编号", "Code", _("平台上已有条目的编号，用来更新它；新条目留空。"), "XQ-2026-01873", also=("科桥编号",)),
    _organisation("发布单位", "Publisher", ("单位", "需求单位", "企业名称", "单位名称", "所属单位")),
    *_texts((
        ("title", "需求名称", "Title", _("一句话说清要解决什么。"), "耐酸纳滤膜的规模化涂覆", True, ("名称", "标题", "需求标题")),
        ("problem", "要解决的问题", "Problem", _("现在遇到什么困难。"), "现用膜三个月失效。", True,
         ("问题", "需求描述", "需求内容", "技术难题", "问题描述")),
        ("background", "背景", "Background", _("在什么条件下使用。"), "湿法冶金酸回收。", False, ("需求背景", "应用背景")),
        ("tried", "试过的办法", "Tried", _("已经试过什么、为什么不行。"), "进口膜，寿命不够。", False, ("已有尝试", "现有基础")),
        ("wanted", "希望的方案", "Wanted", _("希望得到什么。"), "膜材料与涂覆工艺。", False, ("预期目标", "期望成果")),
        ("offers", "能提供的条件", "Offers", _("企业能提供的场地、样品、数据。"), "中试线与废酸样品。", False,
         ("支持条件", "提供条件")),
    )),
    *_shared(Column("price", "预算", "Budget", _("带单位的金额或范围，或者“面议”。"), "300–500万元", "price", "price_kind",
                    also=("意向价格", "拟投入资金", "投入预算", "预算（万元）", "拟投入金额"))),
    Column("trl_min", "要求成熟度", "Least TRL", _("至少几级，1 到 9。"), "TRL 6", "trl", also=("成熟度要求", "最低成熟度")),
    Column("deadline", "截止日期", "Deadline", _("希望在哪一天之前解决。"), "2027-06-30", "date_end",
           also=("截止时间", "期限", "需求期限", "有效期")),
    Column("indicators", "指标", "Indicators",
           _("名称、比较、数值、单位，几项用分号隔开；前面写“希望：”的不是硬要求。写成句子也可以：读出的指标在草稿里逐项确认。"),
           "水通量≥15 LMH/bar；希望：寿命≥3 年", "indicators", also=("技术指标", "指标要求", "主要指标")),
    Column("region_wish", "地域要求", "Region wish", _("本地或不限。"), "不限", "choice", table="region_wish"),
    Column("publisher_shown", "单位是否公开", "Publisher shown", _("公开单位名称、不公开单位名称、仅对匹配到的团队公开。"),
           "公开单位名称", "choice", table="shown", also=("是否公开", "单位名称是否公开")),
    Column("budget_shown", "预算是否公开", "Budget shown", _("公开预算、不公开预算、仅对匹配到或正在对接的团队公开。"),
           "公开预算", "choice", table="budget_shown", also=("预算公开范围",)),
]  # fmt: skip

ORGANISATIONS = [
    EXTERNAL_ID,
    Column("code", "平台编号", "Code", _("平台上已有单位的编号；新单位留空。"), "DW-00001"),
    Column("kind", "单位类型", "Kind", _("高校、科研院所、企业等。"), "企业", "choice", required=True, table="organisation",
           also=("类型", "单位性质")),
    Column("name_zh", "单位名称", "Name", _("营业执照或法人证书上的全称。"), "澄源膜科技有限公司", required=True,
           also=("名称", "中文名称", "企业名称")),
    Column("name_en", "单位名称（英文）", "Name (English)", _("英文全称。"), "", also=("英文名称",)),
    Column("credit_code", "统一社会信用代码", "Credit code", _("18 位，校验位要对。"), "91350100M000100Y43", "credit_code",
           also=("信用代码", "社会信用代码", "uscc")),
    Column("short_zh", "简称", "Short name", _("日常用的简称。"), "澄源"),
    Column("short_en", "简称（英文）", "Short name (English)", _("日常用的简称。"), ""),
    REGION,
    Column("qualifications", "资质", "Qualifications", _("高新技术企业等，用顿号隔开。"), "高新技术企业", "choices",
           table="qualification"),
    Column("about_zh", "简介", "About", _("几句话的介绍。"), "", also=("单位简介", "介绍")),
    Column("about_en", "简介（英文）", "About (English)", _("几句话的介绍。"), ""),
]  # fmt: skip

PEOPLE = [
    EXTERNAL_ID,
    Column("name_zh", "姓名", "Name", _("中文姓名；没有就填英文姓名。"), "林若川", required=True, also=("中文姓名", "名字")),
    Column("name_en", "姓名（英文）", "Name (English)", _("英文姓名。"), "Lin Ruochuan", also=("英文姓名",)),
    _organisation("单位", "Organisation", ("所属单位", "工作单位", "单位名称")),
    Column("role", "角色", "Role", _("在单位里的角色。"), "科研人员", "choice", required=True, table="role"),
    Column("title_zh", "职务职称", "Title", _("职务或职称。"), "教授", also=("职称", "职务")),
    Column("title_en", "职务职称（英文）", "Title (English)", _("职务或职称。"), "Professor"),
    Column("email", "电子邮箱", "E-mail", _("填了就给这个邮箱发邀请，由本人注册加入；不填就只登记姓名，没有账号。"),
           "lin@lut.example", also=("邮箱", "邮件", "电子邮件")),
]  # fmt: skip

ASSETS = [
    EXTERNAL_ID,
    Column("kind", "类型", "Kind", _("发明专利、实用新型、软件著作权等。"), "发明专利", "choice", required=True, table="asset_kind",
           also=("知识产权类型", "专利类型")),
    Column("number", "申请号或登记号", "Number", _("专利申请号的校验位要对；技术秘密没有编号。"), "201310699744.2",
           also=("申请号", "专利号", "登记号", "专利申请号")),
    Column("title_zh", "名称", "Title", _("发明或作品的名称。"), "一种耐酸纳滤膜", also=("专利名称", "发明名称")),
    Column("title_en", "名称（英文）", "Title (English)", _("发明或作品的名称。"), ""),
    Column("status", "状态", "Status", _("授权、审查中、已登记或保密。"), "授权", "choice", required=True, table="asset_status",
           also=("法律状态", "专利状态")),
    _organisation("权利人", "Owner", ("专利权人", "单位", "所属单位", "申请人")),
    Column("filed_on", "申请日", "Filed on", _("申请或登记的日期。"), "2026-03-01", "date", also=("申请日期", "登记日期")),
    Column("expires_on", "到期日", "Expires on", _("保护期的最后一天。"), "2046-03-01", "date", also=("到期日期", "届满日")),
]  # fmt: skip

TABLES: Mapping[str, list[Column]] = {
    Kind.ACHIEVEMENTS: ACHIEVEMENTS,
    Kind.NEEDS: NEEDS,
    Kind.ORGANISATIONS: ORGANISATIONS,
    Kind.PEOPLE: PEOPLE,
    Kind.ASSETS: ASSETS,
}
ERRORS_ZH, ERRORS_EN = "错误", "Errors"  # the column that comes back with a file


@cache
def by_name(kind: str) -> dict[str, Column]:
    return {column.name: column for column in TABLES[kind]}


def column_of_field(kind: str, field: str) -> str:
    """The column that fills this place of the content: indicators.2.value → indicators, price_low → price."""
    if field in {"price_low", "price_high", "currency"}:
        return "price"
    columns = TABLES[kind]
    return next(
        (c.name for c in columns if c.place == field or field.startswith(f"{c.place}.")),
        next((c.name for c in columns if c.name == field.split(".", maxsplit=1)[0]), ""),
    )
