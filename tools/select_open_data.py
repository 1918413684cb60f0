"""Chooses the real, openly licensed items of the demonstration and writes them to src/keqiao/demo/data/open.

Run from the repository: `python tools/select_open_data.py ../shared/data`. The same input gives the same bytes.
What is stated is kept with the passage that states it; what is not stated stays empty. Rules for a value want
precision: a sentence that could be read in two ways gives no value.
"""

# ruff: noqa: E501, C901, PLR0912, PLR0915, PT018 -- patterns are read best on one line, each source is told in one go

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

SEED = "keqiao-open-1"
MAX_CHARS = 2500
OUT = Path(__file__).resolve().parent.parent / "src/keqiao/demo/data/open"

Item = dict[str, Any]

PAPERS = {
    "ai": 95, "ict": 95, "ic": 25, "energy": 100, "materials": 70, "equipment": 70, "biomed": 75, "agri": 60,
    "environment": 55, "aerospace": 25,
}  # fmt: skip
EXTRA_AWARDS = 245
SOFTWARE = 125
CALLS = 105
PROBLEMS = 84

CHINAXIV = {
    "name": "ChinaXiv", "licence": "CC BY 4.0", "licence_url": "https://creativecommons.org/licenses/by/4.0/",
}  # fmt: skip
US_GOVERNMENT = {
    "licence": "US Government, public domain", "licence_url": "https://www.usa.gov/government-copyright",
}  # fmt: skip
EU = {
    "name": "EU Funding & Tenders Portal", "licence": "CC BY 4.0",
    "licence_url": "https://creativecommons.org/licenses/by/4.0/",
    "attribution": "© European Union, EU Funding & Tenders Portal, CC BY 4.0; shortened and cleaned",
}  # fmt: skip


def read(path: Path) -> list[Item]:
    packed = path.read_bytes()
    text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def rank(key: str) -> str:
    return hashlib.sha256(f"{SEED}:{key}".encode()).hexdigest()


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48]


# --- text ------------------------------------------------------------------------------------------------------------

MOJIBAKE = {
    "\xad": "", "\u200b": "", "\ufeff": "", "\u00a0": " ", "Â¿": "", "â€™": "’", "â€œ": "“", "â€\x9d": "”",
    "â€“": "–", "\x9d": "”", "\x93": "“", "\x94": "”", "\x92": "’", "\x96": "–", "„a": "≤", "·": "·",
}  # fmt: skip
BROKEN = re.compile(r"[\ufffd\u0080-\u009f]|Ã.|Â.|â€|&[a-z]{2,6};|&#\d+;|\?\?")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(\"“0-9·•-])")
ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Drs|Mr|Ms|Mrs|Prof|e\.g|i\.e|etc|al|No|Fig|Figs|Ref|vs|U\.S|approx|Inc|Corp|Co|Ltd|St|Gen|Lt|Col|[A-Z]))\.$"
)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
PHONE = re.compile(
    r"(?:\+\d{1,3}[ .-]?)?\(?\b\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}\b|\bDSN\b|\b1[3-9]\d{9}\b|(?:电话|手机|Tel)[:：]"
)
CONTACT = re.compile(
    r"\bTPOC|\bpoints? of contact|\b(?:please|questions?)\b[^.]*\b(?:contact|call|direct)|\bby calling\b|\bSITIS\b|"
    r"\bcontact [A-Z][a-z]+ [A-Z]|\bcontracting officer\b|\bexport control\b|\bITAR\b|\bforeign nationals?\b",
    re.IGNORECASE,
)
PERSON = re.compile(
    r"\b(?:Dr|Drs|Mr|Ms|Mrs|Prof)\.? [A-Z]|\b[Pp]rofessors? [A-Z]|"
    r"[Pp]rincipal [Ii]nvestigators?,? (?:is |will be |\()?[A-Z][a-z]+ [A-Z]|\b[Pp]rincipal [Ii]nvestigator\b[^.]*\b[A-Z]\. [A-Z]|"
    r"\b[A-Z][a-z]+ [A-Z]\. [A-Z][a-z]+\b|\bet\.? ?al\b|\b[A-Z][a-z]+,? (?:Ph\.?D|M\.?D)\b|\([A-Z][a-z]+ [A-Z]{1,2},"
)


def sentences(text: str) -> list[str]:
    found: list[str] = []
    for piece in SENTENCE_END.split(text):
        if found and ABBREVIATION.search(found[-1]):
            found[-1] += " " + piece
        else:
            found.append(piece)
    return found


def clean(text: str) -> str:
    for wrong, right in MOJIBAKE.items():
        text = text.replace(wrong, right)
    return re.sub(r"[ \t\r\f\v]*\n[ \t\r\f\v\n]*", "\n", re.sub(r"[ \t\r\f\v]+", " ", text)).strip()


def impersonal(text: str) -> str:
    """Leaves out sentences with contacts or names of people."""
    kept = []
    for paragraph in text.split("\n"):
        rows = [
            s
            for s in sentences(paragraph)
            if not (EMAIL.search(s) or PHONE.search(s) or CONTACT.search(s) or PERSON.search(s))
        ]
        if rows:
            kept.append(" ".join(rows))
    return "\n".join(kept)


def cut(text: str, limit: int = MAX_CHARS) -> str:
    """At most `limit` characters, and never the middle of a sentence."""
    text = text.strip()
    if len(text) <= limit and re.search(r"[.!?。！？)\"”]$", text) and not text.endswith("..."):
        return text
    shortened = text[:limit].removesuffix("...")
    ends = [m.end() for m in re.finditer(r"(?<!\.)[.!?][\"”)]?(?=\s|$)|[。！？]", shortened)]
    ends = [e for e in ends if not ABBREVIATION.search(shortened[:e])]
    return shortened[: ends[-1]].rstrip() if ends else ""


def is_english(text: str) -> bool:
    return bool(text) and not BROKEN.search(text) and sum(c.isascii() for c in text) / len(text) > 0.97


# --- fields ----------------------------------------------------------------------------------------------------------

FIELDS_EN = {
    "materials": r"alloys?|ceramics?|composites?|polymers?|polymeric|coatings?|resins?|fibers?|metallic|materials?|nanotubes?|graphene|adhesives?|corrosion|laminates?|elastomers?|carbon fiber|thermoplastics?|foams?|steel",
    "equipment": r"machining|manufactur\w+|robots?|robotic|welding|actuators?|bearings?|gear\w*|pumps?|valves?|hydraulic|machines?|tooling|inspection|nondestructive|mechanical|engines?|additive manufacturing|metrology|vehicles?|vibration|instruments?|lasers?|optical|sensors?|turbomachinery|motors?|maintenance",
    "biomed": r"medical|clinical|patients?|drugs?|medical diagnos\w+|point[- ]of[- ]care|therap\w+|vaccines?|disease|cancer|tissue|biomedical|surgical|healthcare|public health|human health|biomarkers?|trauma|antibod\w+|blood|injur\w+|wound|pharmaceutical|cells? culture|rehabilitation|infection|brain",
    "energy": r"batter(?:y|ies)|fuel cells?|solar cells?|solar power|photovoltaic\w*|energy storage|energy|power generation|wind turbines?|hydrogen|electrolysis|geothermal|biofuels?|combustion|nuclear|heat pump|thermoelectric|hydropower|grid|renewable\w*|fusion reactor|capacitors?",
    "ai": r"machine learning|neural networks?|artificial intelligence|deep learning|computer vision|expert systems?|fuzzy|knowledge[- ]based|natural language|pattern recognition|speech recognition|intelligent|data mining|autonom\w+|reasoning|classif\w+|generative|\bAI\b",
    "ic": r"integrated circuits?|semiconductors?|transistors?|wafers?|VLSI|silicon carbide|gallium|GaAs|GaN|MMIC|microelectronics?|chips?|lithograph\w+|CMOS|ASIC|HEMT|photonics?|photodetectors?|analog to digital|diodes?|microprocessors?|FPGA|focal plane",
    "agri": r"agricultur\w+|crops?|soil|livestock|farm\w*|food|irrigation|aquaculture|plants? growth|pesticides?|forest\w*|seeds?|fisher\w+|dairy|poultry",
    "environment": r"pollut\w+|wastewater|water quality|emissions?|waste|recycl\w+|remediation|contaminat\w+|climate|environmental|air quality|hazardous|circular|biodiversity|ocean|groundwater|flood|ecosystems?|carbon capture|desalination",
    "aerospace": r"spacecraft|satellites?|aircraft|launch|orbit\w*|rockets?|aerodynamic\w*|flight|space|aviation|rotorcraft|helicopters?|telescopes?|UAV|airfoil|propulsion|planetary|hypersonic|airborne|lunar|mars|aeronautic\w*",
    "ict": r"software|networks?|communications?|wireless|radar|antennas?|databases?|cyber\w*|encryption|computers?|computing|signals?|internet|protocols?|bandwidth|displays?|information|digital|data|radio|simulation|sonar|library|tools?|visualization|code",
}
FIELDS_ZH = {
    "materials": "材料|合金|陶瓷|复合材|聚合物|涂层|涂料|树脂|纤维|薄膜|石墨烯|纳米|防腐|腐蚀|钢|镀|力学性能|显微组织|高分子|催化剂|粘接|晶体",
    "equipment": "装备|机械|机床|加工|压气机|叶栅|叶轮|离心|轴承|齿轮|泵|阀|机器人|焊接|振动|控制器|传感器|检测装置|无损|发动机|柴油机|故障诊断|液压|桥梁|隧道|基坑|施工|制造|换热器|压缩机|风机|电机|测量|结构设计",
    "biomed": "患者|临床|药物|治疗|疾病|肿瘤|癌|大鼠|小鼠|细胞|基因表达|蛋白|医学|护理|病毒|抗体|手术|血清|康复|医疗|药理|疫苗|病理|心血管|糖尿病",
    "energy": "电池|储能|储热|蓄热|光伏|太阳能|风电|风力|燃烧|锅炉|热泵|余热|朗肯循环|发电|氢能|制氢|燃料|生物质|核电|核聚变|反应堆|电网|配电|制冷|热管|传热|换热|能源|煤|火焰|相变|燃气轮机|热力学|电力|碳捕集",
    "ai": "深度学习|神经网络|机器学习|人工智能|图像识别|目标检测|卷积|注意力|强化学习|支持向量机|分类器|特征提取|语义|推荐算法|自然语言|迁移学习|生成对抗|知识图谱|人脸|情感分析|聚类|跟踪算法|图像",
    "ic": "集成电路|芯片|半导体|晶体管|CMOS|FPGA|放大器|混频|微波单片|砷化镓|氮化镓|碳化硅|功率器件|封装|光刻|忆阻|片上|存储器|ADC|锁相环|射频|低噪声|倍频|MEMS|探测器读出",
    "agri": "作物|玉米|小麦|水稻|棉花|施肥|施氮|灌溉|土壤肥力|饲料|饲粮|猪|鸡|奶牛|肉牛|羊|鱼类|幼鱼|鱼粉|对虾|养殖|种植|果实|苹果|蔬菜|番茄|品种|育种|农业|农田|产量|秸秆|日粮|牧草|病虫害|兔|香蕉|茶",
    "environment": "污染|废水|污水|水质|大气|PM2|重金属|排放|固废|生态|水土保持|降解|土壤修复|生态修复|荒漠|土壤盐|地下水|水资源|遥感|植被|气候|径流|湿地|沙尘|脱硫|脱硝|除尘|温室气体|冰川|洪水|流域",
    "aerospace": "航天|卫星|飞行器|航空|火箭|飞机|轨道|空间站|探测器|无人机|着陆|嫦娥|月球|翼型|高超声速|推进器|天线罩|太空|导航|气动|推力|遥测",
    "ict": "网络|通信|算法|加密|数据库|云计算|协议|信号|路由|无线|传感网|软件|区块链|数据|密码|物联网|信道|隐私|调度|大数据|计算机|并行|信息系统|MIMO|水印|入侵检测|缓存|认证|平台",
}  # fmt: skip
FIELD_RULES = {
    "en": {name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in FIELDS_EN.items()},
    "zh": {name: re.compile(words) for name, words in FIELDS_ZH.items()},
}
WEIGHT = {"ict": 0.7, "energy": 1.1, "ic": 1.2, "agri": 1.1, "environment": 1.0, "equipment": 0.8}


def field_scores(title: str, text: str, lang: str) -> dict[str, float]:
    scores: dict[str, float] = {}
    for name, rule in FIELD_RULES[lang].items():
        in_text = min(6, len({m.lower() for m in rule.findall(text)}) + len(rule.findall(text)) / 4)
        scores[name] = WEIGHT.get(name, 1.0) * (3 * len(rule.findall(title)) + in_text)
    return scores


def field_of(title: str, text: str, lang: str) -> str:
    scores = field_scores(title, text, lang)
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] >= 2 else "other"


# --- stated values ---------------------------------------------------------------------------------------------------

NUMBER = r"(?<![\d.,])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])|(?<![\d.,])-?\d+(?:\.\d+)?(?![\d.]*\d)"
UNITS_EN = (
    r"%|percent|°\s?C|°\s?F|degrees C\b|degrees F\b|degrees\b|microseconds?|milliseconds?|nanoseconds?|seconds?|minutes?|hours?|days|years?|"
    r"GHz|MHz|kHz|Hz|dBm|dBi|dBc|dB|kW/kg|W/kg|Wh/kg|kWh|kW|MW|mW|μW|watts?|W|MJ/kg|kV|mV|V|volts?|mA|kA|A|amps?|MPa|GPa|kPa|Pa|psi|ksi|"
    r"microns?|micrometers?|μm|µm|nm|mm|cm|km|meters?|m/s|m|feet|ft|inches|inch|in\.|miles?|knots|mph|kilograms?|kg|grams?|g|lbs\.?|pounds?|"
    r"oz|liters?|L|mL|Mbps|Gbps|kbps|Mb/s|Gb/s|bits|pixels?|rpm|ms|ns|ps|μs|Torr|atm|ppm|ppb|K|cycles"
)
NAMES_EN = (
    r"weight|mass|efficiency|bandwidth|power consumption|power density|energy density|specific energy|output power|power|accuracy|resolution|"
    r"operating temperature|temperature|pressure|speed|velocity|voltage|current|thickness|diameter|length|width|height|volume|lifetime|"
    r"shelf life|service life|density|sensitivity|error rate|error|latency|data rate|sampling rate|frame rate|update rate|rate|frequency|"
    r"wavelength|gain|noise figure|noise|tensile strength|strength|modulus|thermal conductivity|conductivity|capacity|field of view|"
    r"response time|rise time|altitude|depth|insertion loss|loss|dynamic range|operating range|range|porosity|yield|transmission|reflectivity|"
    r"isolation|linewidth|repeatability|runtime|duration|endurance|payload|aperture|pixel pitch|drift|uniformity|cost"
)
LESS = r"less than or equal to|no (?:more|greater|larger) than|not to exceed|not exceed(?:ing)?|less than|under|below|at most|smaller than|<=|≤|<"
MORE = r"greater than or equal to|no less than|not less than|at least|greater than|more than|in excess of|exceed(?:ing)?|above|over|a minimum of|minimum of|>=|≥|>"
NO_NAME = {
    "the", "a", "an", "of", "and", "or", "with", "to", "for", "in", "at", "by", "is", "be", "are", "this", "that",
    "has", "have", "its", "their", "as", "on", "from", "than", "which", "any", "such", "should", "shall", "must",
    "will", "can", "provide", "provides", "achieve", "achieves", "demonstrate", "demonstrated", "having", "maintain",
    "maintaining", "achieving", "providing", "per", "unit", "each", "into", "measured", "also", "require", "requires",
    "requiring", "total", "but", "over", "under", "up", "where", "when", "it", "these", "both", "include", "not",
    "using", "support", "reduce", "reducing", "increase", "increasing", "while", "current", "resulting", "expected",
    "improve", "improving", "includes", "including", "was", "were", "they", "our", "nominal", "operate", "operating",
    "between", "within", "through", "near", "other", "another", "some", "target", "provided", "following",
}  # fmt: skip
LENGTH = r"microns?|micrometers?|μm|µm|nm|mm|cm|m|km|meters?|feet|ft|inch(?:es)?|in\.|miles?|pixels?|ps"
MASS = r"kilograms?|kg|grams?|g|lbs?\.?|pounds?|oz"
DURATION = r"microseconds?|milliseconds?|nanoseconds?|seconds?|minutes?|hours?|days|years?|ms|ns|ps|μs"
FREQUENCY = r"GHz|MHz|kHz|Hz"
WATTS = r"kW|MW|mW|μW|watts?|W"
PRESSURE = r"MPa|GPa|kPa|Pa|psi|ksi|Torr|atm"
# What a quantity may be measured in: a value with another unit belongs to something else in the sentence.
MEASURED_IN = {
    r"weight|mass|payload": MASS,
    r"efficiency|accuracy|yield|transmission|reflectivity|porosity|uniformity|error rate": r"%|percent",
    r"error|repeatability|drift|resolution": rf"%|percent|degrees|°\s?[CF]|{LENGTH}|bits|ms|ns",
    r"bandwidth|frequency|linewidth|(?:sampling|frame|update) rate": FREQUENCY,
    r"power consumption|output power|power": WATTS,
    r"power density|specific energy|energy density": r"kW/kg|W/kg|Wh/kg|MJ/kg",
    r"temperature": r"°\s?[CF]|degrees [CF]|K",
    r"pressure|strength|modulus": PRESSURE,
    r"speed|velocity": r"m/s|knots|mph|rpm",
    r"voltage": r"kV|mV|V|volts?", r"current": r"mA|kA|A|amps?",
    r"thickness|diameter|length|width|height|altitude|depth|wavelength|aperture|pixel pitch|range": LENGTH,
    r"volume|capacity": r"liters?|L|mL|MW|kWh",
    r"lifetime|shelf life|service life|latency|response time|rise time|runtime|duration|endurance": DURATION,
    r"data rate": r"Mbps|Gbps|kbps|Mb/s|Gb/s",
    r"gain|noise figure|loss|dynamic range|isolation": r"dBm|dBi|dBc|dB",
    r"field of view": r"degrees",
    r"rate": FREQUENCY,
}  # fmt: skip


def fits(name: str, unit: str) -> bool:
    return any(
        re.search(rf"(?:{names})$", name, re.IGNORECASE) and re.fullmatch(units, unit, re.IGNORECASE)
        for names, units in MEASURED_IN.items()
    )


AFTER_UNIT = r"(?![\w/^·*]|-\w| ?(?:/|to\b|per\b|x\b|and -?\d|–|-\s?\d|±|\+/-|by\b|or (?:more|less|better|greater)))"
LINK = r"(?: ?:|(?: (?:is|are|be|shall be|should be|must be|will be|must|shall|should|of)){0,2})"
INDICATORS_EN = [
    re.compile(
        rf"(?P<pre>(?:\b[A-Za-z][\w-]* ){{0,2}})\b(?P<name>{NAMES_EN})\b(?P<link>{LINK}) ?(?P<comp>{LESS}|{MORE})? ?"
        rf"(?P<value>{NUMBER}) ?(?P<unit>{UNITS_EN}){AFTER_UNIT}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?P<comp>{LESS}|{MORE}) (?P<value>{NUMBER}) ?(?P<unit>{UNITS_EN}) (?P<pre>(?:[a-z][\w-]* ){{0,2}})(?P<name>{NAMES_EN})\b(?P<link>)",
        re.IGNORECASE,
    ),
]
SOMETHING_ELSE = re.compile(
    r"\b(?:currently|current (?:technolog|system|device|state|method)\w*|existing|typical(?:ly)?|conventional|today'?s?|for example|e\.g\.|such as|"
    r"billion|million|historical(?:ly)?|previous(?:ly)?|state[- ]of[- ]the[- ]art|limited to|have been|has been|older|traditional|versus|"
    r"compared|only|approximately|about|deaths|assum(?:e|es|ing)|could|might|respectively|whereas|because|estimated|relies|interferers?|near|"
    r"commercially available|phase i )\b",
    re.IGNORECASE,
)
ASKED = re.compile(
    r"\b(?:must|shall|should|requir\w*|needs?|needed|capable|goals?|objectives?|will|develop|demonstrat\w*|desired?|minimum|maximum|specifications?|target|"
    r"propos\w*|achiev\w*|of interest|deliver|provide|design)\b|[<>≤≥]",
    re.IGNORECASE,
)
NAMES_ZH = (
    "准确率|准确度|正确率|识别率|检测率|错误率|误检率|漏检率|误报率|精度|效率|利用率|去除率|转化率|回收率|收率|产率|命中率|成功率|吞吐量|"
    "响应时间|检测时间|运行时间|计算时间|加密时间|耗时|时延|延迟|测量误差|相对误差|平均误差|最大误差|误差|功率|功耗|能耗|增益|噪声系数|噪声温度|"
    "带宽|灵敏度|分辨率|稳定性|强度|硬度|模量|导热系数|热导率|电导率|比容量|容量|密度|寿命|压比|压力损失|阻力|电压|电流|损耗|回波损耗|"
    "插入损耗|隔离度|抗压强度|抗拉强度|粒径|厚度|孔隙率|接触角|纯度|产量|F1值|F值|mAP值|mAP|信噪比|压缩比|计算量|成本|热效率|发电量|发电效率|制冷量|COP"
)
UNITS_ZH = r"%|倍|dB|ms|μs|ns|秒|毫秒|min|h|℃|°C|K|kW|MW|mW|W|kPa|MPa|GPa|Pa|HV|HRC|nm|μm|mm|cm|km|m|GHz|MHz|kHz|Hz|mAh/g|Wh/kg|g/L|mg/L|kg|V|mV|A|mA|W/\(m·K\)|dBi|dBm"
MODIFIERS_ZH = (
    "平均|总体|整体|综合|最大|最小|相对|绝对|测量|检测|识别|分类|预测|定位|诊断|跟踪|匹配|配准|光电转换|转换|转化|发电|传热|换热|热|电|整机|级|设计|等熵|多变|工作|"
    "运行|计算|加密|响应|空间|谱|时间|角|温度|控制|系统|模型|算法|抗|比|测试|单点|重复|能量|输出|水分利用|训练|验证|网络|数据|带内|端口|峰值|指向|"
    "疾病实体识别|化学物质识别|情感|实体|目标|图像|故障|抗体蛋白|蛋白|产品"
)
INDICATOR_ZH = re.compile(
    rf"^(?P<pre>[\u4e00-\u9fffA-Za-z0-9()（）\-]{{0,22}}?)(?P<name>(?:{MODIFIERS_ZH}){{0,3}}(?:{NAMES_ZH}))"
    rf"(?P<verb>(?:平均|均|可|能|能够|已|显著|有效)*(?:达到了|达到|可达|高达|仅为|为|达|提高到|提升到|提升至|提高至|降低到|降低至|降至|不低于|不高于|不超过|不大于|不小于|小于|大于|低于|高于|超过|提高了|提高|提升了|提升|降低了|降低|减少了|减少|缩短了|缩短))"
    rf"(?P<value>\d+(?:\.\d+)?)\s?(?P<unit>{UNITS_ZH})(?P<tail>以上|以下|以内)?$"
)
BEFORE_NAME = re.compile(r"^$|(?:的|其|该|且|并使|使|算法|方法|模型|系统|方案|材料|合金|装置|器|平台|网络)$")
AT_LEAST = ("不低于", "不小于", "大于", "高于", "超过")
AT_MOST = ("不高于", "不超过", "不大于", "小于", "低于")
RELATIVE = ("提高", "提升", "降低", "减少", "缩短")
NOT_OUTCOME = re.compile(
    r"试验期|样本|对照|患者|问卷|年均|降水|气温|死亡|发病|添加|饲粮|日粮|选取|随机|^当|^若|^对|^通过|^在|^以|假设|设置|处理|条件下|分别|"
    r"传统|现有|已有|目前|国外|以往|文献|原有|面积|海拔|比例|治疗|有效回收|较|相对于|相比|比.{2,}(?:提高|提升|降低|减少|缩短)"
)


def digits(value: str) -> str:
    return value.replace(",", "")


def indicators_en(text: str) -> list[Item]:
    found: list[Item] = []
    for sentence in (s for paragraph in text.split("\n") for s in sentences(paragraph)):
        if len(sentence) > 420 or not ASKED.search(sentence):
            continue
        for m in (m for rule in INDICATORS_EN for m in rule.finditer(sentence)):
            pre = m["pre"].split()
            while pre and any(w.lower() in NO_NAME for w in pre):
                pre = pre[1:]
            comp, link = (m["comp"] or "").lower(), m["link"].strip().lower()
            before, after = sentence[: m.start()], sentence[m.end() :]
            if SOMETHING_ELSE.search(sentence[max(0, m.start() - 90) : m.end() + 30]) or re.match(
                r" ?(?:@|MTF|RMS|rms|duty)", after
            ):
                continue
            if (
                re.search(r"\b(?:above|once|when|if|while|at|with an?)(?: an?| the)? ?$", before, re.IGNORECASE)
                and not comp
            ):
                continue
            if before.count("(") > before.count(")") or not fits(m["name"], m["unit"]):
                continue
            if not comp and link not in {"of", "shall be", "must be", "should be", "is", ":"}:
                continue
            if (
                m["name"].lower()
                in {
                    "range",
                    "rate",
                    "loss",
                    "error",
                    "power",
                    "current",
                    "noise",
                    "length",
                    "width",
                    "frequency",
                    "temperature",
                    "pressure",
                }
                and not pre
            ):
                continue
            comparator = "<=" if re.fullmatch(LESS, comp) else ">=" if comp else "="
            found.append(
                {"name_zh": None, "name_en": " ".join([*pre, m["name"]]), "comparator": comparator,
                 "value": digits(m["value"]), "high": None, "unit": m["unit"], "passage": sentence}
            )  # fmt: skip
    return found


def indicators_zh(text: str) -> list[Item]:
    found: list[Item] = []
    for sentence in re.findall(r"[^。！？]+[。！？]", text):
        if (
            len(sentence) > 260
            or re.search(r"(?!100)\d{3,}%", sentence)
            or not re.search(r"结果|表明|显示|证明|实验|试验|仿真|测试|验证|实现", sentence)
        ):
            continue
        for clause in re.split(r"[，；。、：:;]", sentence):
            m = INDICATOR_ZH.match(clause.strip())
            if not m or NOT_OUTCOME.search(clause.strip()) or not BEFORE_NAME.search(m["pre"]):
                continue
            verb, tail = m["verb"], m["tail"] or ""
            relative = next((r for r in RELATIVE if r in verb and not verb.endswith(("到", "至"))), None)
            # More than 100 % is mostly a decimal point that the optical reading lost.
            if (relative and m["unit"] not in {"%", "倍", "dB"}) or (m["unit"] == "%" and float(m["value"]) > 100):
                continue
            name = m["name"] + (f"（{relative}）" if relative else "")
            at_most = verb.endswith(AT_MOST) or tail in {"以下", "以内"}
            at_least = not at_most and (verb.endswith(AT_LEAST) or tail == "以上")
            found.append(
                {"name_zh": name, "name_en": None, "comparator": "<=" if at_most else ">=" if at_least else "=",
                 "value": m["value"], "high": None, "unit": m["unit"], "passage": sentence.strip()}
            )  # fmt: skip
    return found


def distinct(indicators: list[Item], most: int = 4) -> list[Item]:
    """One value for one name; a name with two values is not clear enough to keep."""
    names = Counter((i["name_zh"] or i["name_en"]).lower() for i in indicators)
    return [i for i in indicators if names[(i["name_zh"] or i["name_en"]).lower()] == 1][:most]


NEEDED = re.compile(r"\b(?:needed|of (?:significant |great )?interest|required by|requirements?)\b", re.IGNORECASE)


def offered_value(indicator: Item) -> Item:
    """A figure that a project promises is marked as planned: the abstract does not say that it was reached."""
    planned = re.search(
        r"\b(?:will|goals?|objectives?|propos\w+|expected|target)\b", indicator["passage"], re.IGNORECASE
    )
    return indicator | ({"condition_zh": "计划值", "condition_en": "planned"} if planned else {})


def wanted_value(indicator: Item) -> Item:
    """The figure of a need is a target; it is a must only where its sentence says so."""
    must = re.search(r"\b(?:shall|must|required?|requirements?)\b", indicator["passage"], re.IGNORECASE)
    target = {("target" if name == "value" else name): value for name, value in indicator.items()}
    return target | {"current": None, "kind": "must" if must else None}


TRL = r"(?:TRL|[Tt]echnology [Rr]eadiness [Ll]evels?(?: \(TRLs?\))?)"
TO = r"\s?(?:-|–|to|through)\s?"
TRL_END = [
    re.compile(rf"start (?:at|from) {TRL}\s?(?P<start>\d)(?:{TO}(?P<start_high>\d))?(?: and| in order to)? achieve {TRL}\s?(?P<low>\d)(?:{TO}(?P<high>\d))?"),
    re.compile(rf"expected to achieve {TRL}\s?(?P<low>\d)(?:{TO}(?P<high>\d))?"),
    re.compile(rf"[Dd]emonstrate \((?:at least |at )*{TRL}\s?(?P<low>\d)(?:{TO}(?P<high>\d))?\)"),
    re.compile(rf"(?<!\()(?:reaching|reach|achieve)(?: at least| up to)? {TRL}\s?(?P<low>\d)(?:{TO}(?P<high>\d))?"),
    re.compile(rf"raising the {TRL} from TRL (?P<start>\d) to TRL (?P<low>\d)"),
    re.compile(rf"to (?:a )?{TRL}(?: of)? (?P<low>\d)"),
    re.compile(rf"at a {TRL} (?P<low>\d)"),
    re.compile(rf"\bA {TRL} (?P<low>\d) is anticipated"),
    re.compile(rf"deliverable would be a {TRL} (?P<low>\d)"),
]  # fmt: skip


def trl_to_reach(text: str) -> Item | None:
    """The level that the work is to reach, where one sentence says it and no other says otherwise."""
    hits = []
    for sentence in (s for paragraph in text.split("\n") for s in sentences(paragraph)):
        for rule in TRL_END:
            m = rule.search(sentence)
            if m:
                named = m.groupdict()
                sentence = re.sub(r"(?<=General Annex B\.).*$", "", sentence)  # noqa: PLW2901 -- a footnote follows
                hits.append(
                    {"value": int(m["low"]), "high": int(named["high"]) if named.get("high") else None,
                     "start": int(named["start"]) if named.get("start") else None, "passage": sentence}
                )  # fmt: skip
                break
    levels = {(h["value"], h["high"]) for h in hits}
    return hits[0] if len(levels) == 1 and 1 <= hits[0]["value"] <= 9 else None


# --- items -----------------------------------------------------------------------------------------------------------


def base(key: str, kind: str, lang: str) -> Item:
    return {
        "key": key, "kind": kind, "lang": lang, "zh": None, "zh_origin": None, "en": None, "en_origin": None,
        "owner": None, "field": "other", "field_origin": "rule", "ipc": [], "keywords_zh": [], "keywords_en": [],
        "trl": None, "trl_passage": None, "indicators": [], "budget": None, "budget_source": None, "deadline": None,
        "published_on": None, "year": None, "stated": {}, "source": {}, "links": [],
    }  # fmt: skip


def from_metadata(item: Item, name: str, value: Any, origin: str) -> None:
    if value not in (None, ""):
        item["stated"][name] = {"value": value, "from": f"metadata {origin}"}


def from_passage(item: Item, name: str, hit: Item) -> None:
    item["stated"][name] = {k: v for k, v in hit.items() if v is not None}


def owner(name: str, kind: str, country: str, prefix: str) -> Item:
    return {"key": f"{prefix}-{slug(name)}", "name": name, "kind": kind, "country": country}


CHINAXIV_OWNER = {"key": "chinaxiv", "name": "ChinaXiv", "kind": "repository", "country": "CN"}


# --- ChinaXiv --------------------------------------------------------------------------------------------------------

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
NAMES_IN_TITLE = re.compile(
    rf"(?:[{SURNAMES}][\u4e00-\u9fff]{{1,2}}[\s\u3000]*){{3,}}$|(?:研究|影响|分析|进展|方法|应用|综述|利用|作用|性能|机制|品质|菌群|指标)[\d\s\u3000*]*(?:[{SURNAMES}][\u4e00-\u9fff]{{1,2}}){{2,}}$|\u3000|[\u4e00-\u9fff]\d[\u4e00-\u9fff]{{2,3}}$"
)
OFF_TOPIC = re.compile(
    r"心理|图书馆|图情|情报学|馆员|读者|文献计量|引文|期刊|出版|学术|论文|知识服务|机构知识库|档案|认知|情绪|人格|员工|领导|消费者|幼儿|儿童|教师|学生|学校|教育|"
    r"恒星|星系|脉冲星|宇宙|黑洞|射电源|类星体|太阳耀斑|活动区|日冕|银河|射电暴|巡天|引力波|中微子|星系团|太阳黑子|太阳射电|一带一路|智库|政策|社交媒体|舆情|用户行为|科研|"
    r"美国|俄罗斯|军事|战略|人口|城镇化|旅游|乡村|县域|扶贫|历史|文化|古洪水|考古|全新世|民众|道德|焦虑|抑郁|睡眠|伦理|护理体会|党|专利分析|本体的国史|"
    r"表情|ERP|个体|市场|经济|染色体|草酸钙|文明|数据开放|开放共享|梦想|微博|教学|课程|价值的|流行病|疫情|大学|学院|研究院|公司|社会|竞争|产业|综述|研究进展|新进展|进展|现状|展望|前景|趋势|概述|概况|述评|规划|标准的|思考|回顾|"
    r"区系|新记录|新种|植物志|多样性|群落|物种|地理分布|空间格局|时空|驱动因素|化学计量|演变"
)
IN_TITLE = re.compile(
    r"方法|算法|系统|模型|设计|研制|制备|工艺|技术|装置|控制|优化|性能|检测|测量|识别|预测|诊断|仿真|模拟|合成|改性|构建|筛选|添加|提取|器|机|网络|协议|"
    r"材料|合金|涂层|定位|调度|加密|压缩|分类|聚类|跟踪|实现|开发|应用|策略|机制|电路|芯片|实验|试验|疫苗|抗体|发酵|表达|影响"
)
TECHNICAL = re.compile(
    r"提出|设计|研制|开发|方法|算法|系统|工艺|技术|装置|模型|制备|优化|实现|性能|试验|实验|仿真|材料|检测|控制"
)
OCR_DEBRIS = re.compile(
    r"\\|[$#{}~|]|_|\^|�|\d ?%? +\d|(?<![\d.])0\d+|\d+\.\d+\.\d|(?:[a-zA-Z] ){3}|\( ?\)|（ ?）|关键词|收稿|基金|通信作者|作者简介|"
    r"资助|摘要|et ?al|教授|院士|博士|先生|女士|[(（] ?(?:χ)?2 ?=|[(（] ?P ?0|PP|[\ue000-\uf8ff]"
)
CJK = r"\u4e00-\u9fff\u3000-\u303f\uff00-\uffef“”‘’"


def chinese(text: str) -> str:
    """Repairs what the optical reading left: stray spaces, half-width punctuation, split units."""
    text = clean(text).replace("\n", "")
    text = re.sub(r"(\d) ?\. ?(?=\d)", r"\1.", text)
    text = re.sub(r"(?<=\d) +(?=%|‰|°|℃)", "", text).replace("° C", "°C").replace("°C", "℃")
    text = re.sub(r"\b([kcmnμMGdph]) ([mgWHBLPsJV])\b", r"\1\2", text)
    text = re.sub(r"(?<=[a-zA-Z0-9]) ?· ?(?=[a-zA-Z])", "·", text)
    text = re.sub(r"(?<=[a-zA-Z]) ?- ?(?=\d(?:\D|$))", "-", text)
    text = re.sub(r"(?<=[(（]) +| +(?=[)）])", "", text)
    text = re.sub(r"\b([kMG]) (H|P) ([za])\b", r"\1\2\3", text)
    text = re.sub(r"\b([kMG]H|[kMG]P|H|P) ([za])\b", r"\1\2", text)
    text = re.sub(rf"(?<=[{CJK}]) +|(?<=\S) +(?=[{CJK}])", "", text)
    text = re.sub(r"(?<=[\u4e00-\u9fff]),|,(?=[\u4e00-\u9fff])", "，", text)
    text = re.sub(r"(?<=[\u4e00-\u9fff]);|;(?=[\u4e00-\u9fff])", "；", text)
    return re.sub(r"[ ,]*，[ ,]*", "，", text).strip()


def vocabulary(texts: Iterable[str]) -> set[str]:
    counts = Counter(word for text in texts for word in set(re.findall(r"[a-z]{2,}", text.lower())))
    return {word for word, n in counts.items() if n >= 5}


def readable(text: str, words: set[str], share: float) -> bool:
    found = re.findall(r"\b[a-z]{3,}\b", text)
    return len(found) > 3 and sum(w in words for w in found) / len(found) >= share


def english_title(zh: str, en: str | None, words: set[str]) -> str | None:
    if not en:
        return None
    en = clean(re.sub(r",(?=[A-Za-z])", ", ", en))
    if (
        not re.match(r"[A-Z]", en)
        or len(en.split()) < max(4, len(zh) / 4)
        or re.search(r"[a-z][A-Z]|\b[a-z] [a-z]\b|\b[A-Z] [A-Z0-9] |\bln|[^\x00-\x7f]", en)
        or re.search(r"\b(?:of|on|and|the|in|for|with|a|by|based)$", en)
    ):
        return None
    return en if readable(en.lower(), words, 0.8) else None


def english_abstract(text: str | None, words: set[str]) -> str:
    if not text:
        return ""
    text = clean(re.sub(r"(?<=[a-z])([,;.])(?=[A-Za-z])", r"\1 ", text)).replace("\n", " ")
    text = re.sub(r"^(?:Abstract)[:.]? ?", "", text)
    good = is_english(text) and not OCR_DEBRIS.search(text) and readable(text, words, 0.985)
    return cut(text) if good and len(text) > 150 and re.match(r"[A-Z]", text) else ""


def paper_source(item_id: str) -> Item:
    number = f"{item_id[2:8]}.{item_id[8:]}"
    return CHINAXIV | {
        "url": f"http://chinaxiv.org/abs/{number}",
        "attribution": f"© the authors, ChinaXiv-{number}, CC BY 4.0; abstract, cleaned",
        "item_id": f"ChinaXiv-{number}",
    }


def papers(data: Path, wanted_first: list[str]) -> list[Item]:
    folder = data / "zh_chinaxiv"
    words = vocabulary(row["text"] for row in read(data / "en_sbir_need2award/corpus.jsonl.gz"))
    words |= vocabulary(
        row["text"] for row in read(folder / "dev/queries.jsonl") if row["metadata"]["type"] == "xling_en"
    )
    demo = {row["_id"]: row for row in read(data / "demo/results.jsonl") if row["kind"] == "paper"}
    queries = read(folder / "dev/queries.jsonl")
    abstracts = {q["_id"][2:]: q["text"] for q in queries if q["metadata"]["type"] == "xling_en"}
    listed: dict[str, list[str]] = defaultdict(list)
    pairs = {q["_id"]: q["text"].split() for q in queries if q["metadata"]["type"] == "keyword"}
    for line in (folder / "dev/qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, _ = line.split("\t")
        if len(pairs.get(query, [])) == 2:
            listed[document] += [k for k in pairs[query] if k not in listed[document]]
    candidates: dict[str, list[tuple[float, str, Item]]] = defaultdict(list)
    seen: set[str] = set()
    for row in read(folder / "corpus.jsonl.gz"):
        title, text = chinese(row["title"]), chinese(row["text"])
        if (
            not 8 <= len(title) <= 48
            or not 140 <= len(text) <= 1100
            or not text.endswith("。")
            or not re.match(r"[\u4e00-\u9fffA-Zα-ω]", title)
            or not re.search(r"[\u4e00-\u9fff）)]$", title)
            or not re.match(r"[\u4e00-\u9fffA-Z“【\[]", text)
            or OCR_DEBRIS.search(text) or OCR_DEBRIS.search(title)
            or NAMES_IN_TITLE.search(title)
            or not IN_TITLE.search(title) or (title in seen)
            or OFF_TOPIC.search(title) or len(OFF_TOPIC.findall(text)) > 1
            or EMAIL.search(text) or PHONE.search(text)
        ):  # fmt: skip
            continue
        seen.add(title)
        scores = field_scores(title, text, "zh")
        field = field_of(title, text, "zh")
        if field == "other" or scores[field] < 4.5:
            continue
        item = base(f"cx-{row['_id'][2:]}", "paper", "zh")
        text = re.sub(r"(?<=[。）])\s+", "", text)
        item["zh"], item["zh_origin"] = {"title": title, "summary": text}, "source"
        item["field"], item["owner"], item["source"] = field, CHINAXIV_OWNER, paper_source(row["_id"])
        item["year"] = row["metadata"]["year"]
        from_metadata(item, "year", item["year"], "year")
        known = demo.get(row["_id"], {})
        item["keywords_zh"] = [k for k in map(chinese, known.get("keywords") or listed[row["_id"]]) if 1 < len(k) < 16][
            :6
        ]
        title_en = english_title(title, known.get("title_en"), words)
        if title_en:
            item["en"] = {"title": title_en, "summary": english_abstract(abstracts.get(row["_id"]), words)}
            item["en_origin"] = "source"
        item["indicators"] = distinct(indicators_zh(text))
        worth = (
            (8 if row["_id"] in wanted_first[:94] else 3 if row["_id"] in wanted_first else 0) + 3 * bool(item["indicators"]) + 2 * bool(item["keywords_zh"])
            + 2 * bool(item["en"]) + min(5, len(set(TECHNICAL.findall(text)))) / 2 + bool(TECHNICAL.search(title))
        )  # fmt: skip
        candidates[field].append((-worth, rank(row["_id"]), item))
    return [row[2] for field, n in PAPERS.items() for row in sorted(candidates[field], key=lambda r: r[:2])[:n]]


def problems(data: Path, achievements: dict[str, Item], titles: set[str]) -> list[Item]:
    """Statements of a problem taken from the introduction of a paper: derived, and no need of any company."""
    demo = {r["_id"]: r for r in read(data / "demo/needs.jsonl") if r["kind"] == "derived_problem_statement"}

    def keywords(paper_id: str) -> list[str]:
        return achievements.get(f"cx-{paper_id[2:]}", {}).get("keywords_zh", [])

    rows = [
        (f"ZH-{q['_id']}", q["_id"][2:], q["text"])
        for q in read(data / "zh_chinaxiv/dev/queries.jsonl")
        if q["metadata"]["type"] == "problem"
    ]
    rows.sort(key=lambda row: (row[0] not in demo, not keywords(row[1]), rank(row[0])))
    chosen: list[Item] = []
    for _, paper_id, raw in rows:
        text = chinese(raw)
        paper = achievements.get(f"cx-{paper_id[2:]}")
        broken = re.search(
            r"[\u4e00-\u9fff]\d{1,2}[，。；]|[（(]\D*(?:19|20)\d\d|\[\d|etal|等\[|\d等|图\d|表\d|[^\x00-\x7f]?\?", text
        )
        if (
            paper is None or broken or OCR_DEBRIS.search(text) or OFF_TOPIC.search(text)
            or not 45 <= len(text) <= 320 or not re.search(r"[。；！]$", text) or len(chosen) == PROBLEMS
        ):  # fmt: skip
            continue
        words = "、".join(paper["keywords_zh"][:3])
        title = f"待解问题：{words}" if words else f"待解问题：《{paper['zh']['title']}》一文所述"
        if title in titles:
            continue
        titles.add(title)
        item = base(f"cxp-{paper_id[2:]}", "derived_problem", "zh")
        item["zh"], item["zh_origin"] = {"title": title, "problem": text}, "source"
        item |= {
            "derived": True, "title_origin": "rule",
            "label_zh": "摘自论文引言的问题陈述，不是企业提出的需求",
            "label_en": "Problem statement taken from the introduction of a paper, not a need stated by a company",
            "field": paper["field"], "keywords_zh": paper["keywords_zh"], "owner": CHINAXIV_OWNER, "year": paper["year"],
            "source": paper["source"] | {"attribution": paper["source"]["attribution"].replace("abstract, cleaned", "sentences of the introduction, cleaned")},
            "links": [paper["key"]],
        }  # fmt: skip
        from_metadata(item, "year", paper["year"], "year")
        chosen.append(item)
    return chosen


# --- SBIR ------------------------------------------------------------------------------------------------------------

COMPANY = re.compile(
    r"\b(?:inc|corp|llc|l\.l\.c|lp|ltd|limited|company|corporation|technolog|systems?|research|labs?|laborator|engineering|scien|associates|solutions|"
    r"industries|group|instruments|optics|optronics|dynamics|materials|aerospace|bio|medical|devices|photonics|software|astronautics|partners|nano|electr|sens|power|energy)",
    re.IGNORECASE,
)
WEAPONS = re.compile(
    r"weapon|warhead|munition|missile|projectile|lethal|explosi|torpedo|\bmines?\b|countermine|ballistic|\bkill|gun\b|guns\b|gunfire|bomb|grenade|decoy|jam|"
    r"interceptor|warfare|combat|propellant|target(?:ing| acquisition| recognition| detection)|threat|chemical agent|biological agent|nuclear|\bECM\b|electronic countermeasure|seeker|ordnance|"
    r"warfighter|directed energy|sight unit|laser weapon|surveillance|battle|tactical|ammunition|infantry|soldier|enemy|stealth|armor|penetrat|strike|fuze|detonat|sniper",
    re.IGNORECASE,
)


def award_text(row: Item, title: str) -> str:
    text = row["text"].replace("[TITLE]", title)
    text = re.sub(r"^DESCRIPTION \(provided by applicant\): ?|^ABSTRACT: ?|\bBENEFITS?: ?(?=[A-Z])", "", clean(text))
    return cut(impersonal(text))


def award(row: Item, title: str, meta: Item) -> Item | None:
    text = award_text(row, title)
    firm = clean(meta["firm"] or "")
    if len(text) < 250 or not is_english(text) or not COMPANY.search(firm) or not is_english(title):
        return None
    item = base(f"sbir-{row['_id'].lower()}", "funded_project", "en")
    item["en"], item["en_origin"] = {"title": title, "summary": text}, "source"
    item["owner"] = owner(firm.rstrip(","), "enterprise", "US", "us")
    item["field"], item["year"] = field_of(title, text, "en"), meta["year"]
    item["phase"], item["funder"] = meta["phase"], meta["agency"]
    for name in ("year", "phase", "agency", "firm"):
        from_metadata(item, name, meta[name], name)
    reach = trl_to_reach(text)
    if reach:
        from_passage(item, "trl_target", reach)
    item["indicators"] = [offered_value(i) for i in distinct(indicators_en(text)) if not NEEDED.search(i["passage"])]
    item["source"] = US_GOVERNMENT | {
        "name": "SBIR.gov awards", "url": "https://www.sbir.gov/awards", "item_id": row["_id"][1:],
        "attribution": f"SBIR.gov (US Small Business Administration), award {row['_id'][1:]}, abstract by {item['owner']['name']}; cleaned",
    }  # fmt: skip
    return item


def awards(data: Path) -> tuple[list[Item], dict[str, list[str]]]:
    """The titled awards of the demo set, then awards whose title is their topic's title, and links[topic] = awards."""
    folder = data / "en_sbir_need2award"
    corpus = {row["_id"]: row for row in read(folder / "corpus.jsonl.gz")}
    topics = {row["_id"]: row for row in read(folder / "dev/queries.jsonl")}
    qrels = [line.split("\t")[:2] for line in (folder / "dev/qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    chosen: dict[str, Item] = {}
    for row in read(data / "demo/results.jsonl"):
        if row["kind"] != "funded_project" or "[TITLE]" in row["title"] or WEAPONS.search(row["title"]):
            continue
        meta = {"firm": row["owner"], "year": row["year"], "phase": row["stage"], "agency": row["agency"]}
        item = award(row, clean(row["title"]), meta)
        if item:
            chosen[row["_id"]] = item
    by_topic: dict[str, list[str]] = defaultdict(list)
    for topic, document in qrels:
        by_topic[topic].append(document)
    extra: list[tuple[tuple[Any, ...], str, Item]] = []
    for topic, documents in by_topic.items():
        title = clean(topics[topic]["metadata"]["title"]).strip(" .")
        if WEAPONS.search(title) or not 3 <= len(title.split()) <= 20:
            continue
        for document in documents:
            meta = corpus[document]["metadata"]
            # Awards of 2017 were tied to their topic by its code: their own title is not known.
            if document in chosen or meta["year"] == 2017 or len(WEAPONS.findall(corpus[document]["text"])) > 1:
                continue
            item = award(corpus[document], title, meta | {"agency": meta["branch"] or meta["agency"]})
            if item:
                extra.append(((meta["year"] < 2001, meta["year"] < 1994, rank(document)), document, item))
    summaries = {item["en"]["summary"] for item in chosen.values()}
    added = 0
    for _, document, item in sorted(extra, key=lambda e: e[0]):
        if added < EXTRA_AWARDS and item["en"]["summary"] not in summaries:
            summaries.add(item["en"]["summary"])
            chosen[document] = item
            added += 1
    links: dict[str, list[str]] = defaultdict(list)
    for topic, document in qrels:
        if document in chosen:
            links[topic].append(chosen[document]["key"])
    for line in (data / "demo/links.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        topic, document, _ = line.split("\t")
        if document in chosen and chosen[document]["key"] not in links[topic]:
            links[topic].append(chosen[document]["key"])
    return list(chosen.values()), links


def topic(row_id: str, meta: Item, zh: Item | None) -> Item | None:
    title, text = clean(meta["title"]).strip(" ."), clean(meta["need"])
    text = re.sub(r"^.*?(?=OBJECTIVE:)", "", text, count=1, flags=re.DOTALL) if "OBJECTIVE:" in text[:900] else text
    text = re.sub(
        r"\b(?:PROPOSALS ACCEPTED|TECHNOLOGY AREA\(S\)|ACQUISITION PROGRAM):?[^.]{0,120}(?=OBJECTIVE|DESCRIPTION|[A-Z][a-z])",
        "",
        text,
    )
    objective, wanted = re.match(r"OBJECTIVE: ?(.*?)\s*DESCRIPTION: ?(.+)$", text, re.DOTALL), ""
    if objective:
        wanted, text = cut(impersonal(objective[1])), objective[2]
    text = re.sub(r"^(?:OBJECTIVE|DESCRIPTION): ?", "", text)
    text = cut(impersonal(text))
    if len(text) < 150 or not is_english(text + wanted) or not is_english(title):
        return None
    item = base(f"topic-{row_id.lower()}", "agency_topic", "en")
    item["en"], item["en_origin"] = {"title": title, "problem": text}, "source"
    if wanted:
        item["en"]["wanted"] = wanted
    if zh:
        item["zh"] = {"title": zh["title_zh"], "problem": zh["need_zh"]}
        item["zh_origin"] = "machine"
    agency = " / ".join(p for p in (meta["agency"], BRANCHES.get(meta["branch"], meta["branch"])) if p)
    item["owner"] = owner(agency, "agency", "US", "us")
    item["field"], item["year"] = field_of(title, text + " " + wanted, "en"), meta["year"]
    item["keywords_en"] = [k.strip() for k in re.split(r"[,;]", meta.get("keywords") or "") if 2 < len(k.strip()) < 40][
        :6
    ]
    for name in ("year", "agency", "branch", "topic_code", "program"):
        from_metadata(item, name, meta.get(name), name)
    whole = f"{wanted}\n{text}"
    reach = trl_to_reach(whole)
    if reach:
        item["trl"], item["trl_passage"] = reach["value"], reach["passage"]
        from_passage(item, "trl", reach)
    item["indicators"] = [wanted_value(i) for i in distinct(indicators_en(whole))]
    code = meta.get("topic_code") or row_id
    item["source"] = US_GOVERNMENT | {
        "name": "SBIR/STTR solicitation topics", "url": "https://www.sbir.gov/topics", "item_id": code,
        "attribution": f"{agency}, SBIR/STTR topic {code}; cleaned, shortened, contacts left out",
    }  # fmt: skip
    return item


BRANCHES = {"NAVY": "Navy", "USAF": "Air Force", "ARMY": "Army", "Defense Advanced Research Projects Agency": "DARPA"}


def topics(data: Path, links: dict[str, list[str]]) -> list[Item]:
    folder = data / "en_sbir_need2award/dev"
    zh = {row["_id"]: row["metadata"] for row in read(folder / "queries_zh.jsonl")}
    rows = {row["_id"]: row["metadata"] for row in read(folder / "queries.jsonl")}
    chosen: list[Item] = []
    for row_id in sorted(set(rows) & (set(links) | set(zh)), key=rank):
        if WEAPONS.search(rows[row_id]["title"]):
            continue
        item = topic(row_id, rows[row_id], zh.get(row_id))
        if item:
            item["links"] = sorted(links.get(row_id, []))
            chosen.append(item)
    return chosen


# --- NASA ------------------------------------------------------------------------------------------------------------

CENTRES = {
    "GSFC": "NASA Goddard Space Flight Center", "ARC": "NASA Ames Research Center", "JPL": "NASA Jet Propulsion Laboratory",
    "LaRC": "NASA Langley Research Center", "MSFC": "NASA Marshall Space Flight Center", "GRC": "NASA Glenn Research Center",
    "JSC": "NASA Johnson Space Center", "HQ": "NASA Headquarters", "DFRC": "NASA Armstrong Flight Research Center",
    "KSC": "NASA Kennedy Space Center", "NASA Langley Research Center": "NASA Langley Research Center",
}  # fmt: skip
NASA_NAME = re.compile(r"^(?:Goddard|Glenn|Jet Prop|Ames|Johnson|Kennedy|Armstrong|Stennis|Langley|Marshall)")


def techport(data: Path) -> list[Item]:
    chosen: list[Item] = []
    seen: set[str] = set()
    for row in read(data / "en_nasa_techport_trl/projects.jsonl"):
        title, text = clean(row["title"]), impersonal(clean(row["description"]))
        text = text if len(text) <= MAX_CHARS and row["trl_current"] is not None and not cut(text) else cut(text)
        benefits = cut(impersonal(clean(row["benefits"])))
        number = row["_id"].rsplit("-", 1)[1]
        if (
            (row["trl_current"] is None and len(text) < 900)
            or len(text) < 100
            or (row["trl_current"] is None and text[:200] in seen)
            or not is_english(text)
        ):
            continue
        seen.add(text[:200])
        item = base(f"techport-{number}", "project", "en")
        item["en"], item["en_origin"] = {"title": title, "summary": text}, "source"
        if len(benefits) > 40 and is_english(benefits):
            item["en"]["advantage"] = benefits
        lead = row["lead_org"] or "NASA"
        if NASA_NAME.match(lead):
            lead = f"NASA {lead}"
        university = re.search(r"Universit|Institute of Technology", lead)
        kind = "agency" if lead.startswith("NASA") else "university" if university else "enterprise"
        if lead in {"National Institute of Standards and Technology", "Smithsonian Institution"}:
            kind = "institute"
        item["owner"] = owner(lead, kind, "US", "us")
        item["field"] = field_of(title, f"{text} {benefits}", "en")
        item["trl"] = row["trl_current"]
        from_metadata(item, "trl", row["trl_current"], "trl_current")
        from_metadata(item, "trl_begin", row["trl_begin"], "trl_begin")
        from_metadata(item, "trl_target", row["trl_end"], "trl_end")
        from_metadata(item, "status", row["status"], "status")
        from_metadata(item, "program", row["program"], "program")
        item["indicators"] = [
            offered_value(i) for i in distinct(indicators_en(text)) if not NEEDED.search(i["passage"])
        ]
        item["source"] = US_GOVERNMENT | {
            "name": "NASA TechPort", "url": f"https://techport.nasa.gov/view/{number}", "item_id": number,
            "attribution": f"NASA TechPort, project {number}; state of 2020–2021; cleaned",
        }  # fmt: skip
        chosen.append(item)
    return chosen


def software(data: Path) -> list[Item]:
    rows = []
    seen: set[str] = set()
    for row in read(data / "en_nasa_software/catalog.jsonl.gz"):
        title, text = clean(row["title"]), cut(impersonal(clean(row["text"])))
        if (
            not len(text) >= 220
            or not is_english(text)
            or not is_english(title)
            or title.lower() in seen
            or len(title) > 140
        ):
            continue
        if row["center"] not in CENTRES or not re.match(r"https?://", row["url"] or ""):
            continue
        seen.add(title.lower())
        rows.append((rank(row["_id"]), row, title, text))
    chosen = []
    for _, row, title, text in sorted(rows, key=lambda r: r[0])[:SOFTWARE]:
        item = base(row["_id"].lower(), "software", "en")
        item["en"], item["en_origin"] = {"title": title, "summary": text}, "source"
        item["owner"] = owner(CENTRES[row["center"]], "agency", "US", "us")
        item["field"] = field_of(title, text, "en")
        item["keywords_en"] = [k for k in row["keywords"] if "nalysi" not in k or "nalysis" in k][:6]
        item["software_licence"] = list(dict.fromkeys(row["license"]))
        item["homepage"] = row["url"]
        from_metadata(item, "software_licence", item["software_licence"], "license")
        item["source"] = US_GOVERNMENT | {
            "name": "NASA Open Source Catalog", "url": "https://github.com/nasa/Open-Source-Catalog", "item_id": row["_id"],
            "attribution": "NASA Open Source Catalog (nasa/Open-Source-Catalog, 2026-04-24); cleaned",
        }  # fmt: skip
        chosen.append(item)
    return chosen


# --- EU --------------------------------------------------------------------------------------------------------------

SECTION = re.compile(r"(?:^|\n)(Expected Outcomes?|Expected Impact|Scope|Objective|Specific Challenge): ?")
NO_TECHNOLOGY = re.compile(
    r"coordination|network of|support action|national contact|awards?\b|prize|capacity building|policy|democra|cultur|heritage|migration|gender|societ|"
    r"social|governance|skills|education|partnership with|twinning|fellowship|open call|lump sum|erasmus|citizens|hop on|communication campaign|creative|arts\b|"
    r"ecosystem building|investor|startups?|procurement|standardi[sz]ation|technical assistance|co-?fund|defence|military|crime|terror|border|polic(?:e|ing)|radicali",
    re.IGNORECASE,
)


def call_text(text: str) -> str:
    text = clean(text)
    first_notes = [m.start() for m in re.finditer(r"\[1\]", text)]
    if len(first_notes) > 1:
        text = text[: first_notes[-1]]
    text = re.sub(r"\s?\[\d{1,2}\]|\(\[\d{1,2}\]\)", "", text).replace("null", " ")
    text = re.sub(r"completed projects(?=Activities)", "completed projects. ", text)
    text = re.sub(r"(?<=[a-z)]{2})([;:])(?=[A-Za-z])(?!//)", r"\1 ", text)
    text = re.sub(r"(?<=[a-z)]{3})\.(?=[A-Z][a-z])", ". ", text)
    text = re.sub(r"(?<=General Annex B\.).*$", "", text, flags=re.DOTALL)
    text = re.sub(r" {2,}", " ", text).strip()
    return "\n".join(
        " ".join(s for s in sentences(p) if "http" not in s and "COM(20" not in s) for p in text.split("\n")
    ).strip()


def calls(data: Path) -> list[Item]:
    rows: list[tuple[tuple[Any, ...], Item]] = []
    seen: set[str] = set()
    for row in read(data / "en_eu_open_calls/calls.jsonl.gz"):
        title = clean(row["title"])
        if not (row["budget_min"] and row["budget_max"] and row["deadline"]) or row["status"] == "closed":
            continue
        if row["programme"] not in {
            "Horizon Europe",
            "Euratom",
            "RFCS",
            "Digital Europe",
            "LIFE",
            "Renewable Energy FM",
        }:
            continue
        known = re.sub(r"[^a-z]", "", title.lower().split("(two-stage")[0])[:60]
        if NO_TECHNOLOGY.search(title) or known in seen or not is_english(title):
            continue
        raw = row["text"]
        parts = SECTION.split(raw)
        named: dict[str, str] = {}
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            named.setdefault(name.rstrip("s") if name.startswith("Expected Outcome") else name, call_text(body))
        problem = named.get("Scope") or named.get("Objective") or named.get("Specific Challenge") or ""
        wanted = named.get("Expected Outcome") or named.get("Expected Impact") or ""
        problem, wanted = impersonal(problem), impersonal(wanted)
        reach = trl_to_reach(f"{wanted}\n{problem}")
        problem_cut, wanted_cut = cut(problem, 2000), cut(wanted, 1500)
        if reach and reach["passage"] not in problem_cut and reach["passage"] not in wanted_cut:
            if len(reach["passage"]) > 450:
                reach = None
            else:
                problem_cut = f"{problem_cut} […] {reach['passage']}"
        if len(problem_cut) < 300 or not is_english(problem_cut + wanted_cut):
            continue
        scores = field_scores(title, problem_cut, "en")
        field = field_of(title, problem_cut, "en")
        if field == "other" or scores[field] < 5:
            continue
        seen.add(known)
        item = base(f"eu-{row['_id'].lower()}", "open_call", "en")
        item["en"], item["en_origin"] = {"title": title, "problem": problem_cut}, "source"
        if len(wanted_cut) > 60:
            item["en"]["wanted"] = wanted_cut
        item["owner"] = owner(f"European Commission – {row['programme']}", "agency", "EU", "eu")
        item["field"] = field
        codes = {row["_id"], row["call"]}
        item["keywords_en"] = [
            k.strip()
            for k in (row["keywords"] or "").split(",")
            if k.strip() and k.strip() not in codes and len(k.strip()) < 48
        ][:6]
        item["budget"] = {
            "kind": "amount",
            "low": str(row["budget_min"]),
            "high": str(row["budget_max"]),
            "unit": "EUR",
        }
        item["budget_source"] = "metadata budget_min, budget_max"
        item["deadline"] = row["deadline"]
        from_metadata(item, "budget", [row["budget_min"], row["budget_max"]], "budget_min, budget_max")
        from_metadata(item, "expected_grants", row["expected_grants"], "expected_grants")
        from_metadata(item, "deadline", row["deadline"], "deadline")
        from_metadata(item, "type_of_action", row["type_of_action"], "type_of_action")
        if reach:
            item["trl"], item["trl_passage"] = reach["value"], reach["passage"]
            from_passage(item, "trl", reach)
        item["indicators"] = [wanted_value(i) for i in distinct(indicators_en(f"{wanted_cut}\n{problem_cut}"))]
        item["source"] = EU | {"url": row["url"], "item_id": row["_id"]}
        rows.append(((row["deadline"] < "2026-12-05", not reach, rank(row["_id"])), item))
    return [item for _, item in sorted(rows, key=lambda r: r[0])[:CALLS]]


# --- writing ---------------------------------------------------------------------------------------------------------


def texts(item: Item) -> str:
    return "\n".join(v for side in ("zh", "en") for v in (item[side] or {}).values())


def checked(items: list[Item]) -> Iterator[Item]:
    keys: set[str] = set()
    for item in items:
        assert item["key"] not in keys, item["key"]
        keys.add(item["key"])
        whole = texts(item)
        assert not EMAIL.search(whole) and not PHONE.search(whole), item["key"]
        for value in item["stated"].values():
            assert value.get("passage", "") in whole, (item["key"], value)
        for indicator in item["indicators"]:
            figure = indicator.get("value") or indicator["target"]
            assert indicator["passage"] in whole and figure in digits(indicator["passage"]), item["key"]
        yield item


def write(name: str, items: list[Item]) -> int:
    lines = [json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n" for item in checked(items)]
    packed = gzip.compress("".join(lines).encode(), compresslevel=9, mtime=0)
    (OUT / name).write_bytes(packed)
    return len(packed)


def tell(name: str, items: list[Item], size: int) -> None:
    def count(by: Callable[[Item], Any]) -> dict[Any, int]:
        return dict(Counter(by(i) for i in items).most_common())

    print(f"{name}: {len(items)} items, {size:,} bytes")
    print(
        "  kind",
        count(lambda i: i["kind"]),
        "language",
        count(lambda i: ("zh" if i["zh"] else "") + ("+" if i["zh"] and i["en"] else "") + ("en" if i["en"] else "")),
    )
    print("  field", count(lambda i: i["field"]))
    print("  trl", sum(i["trl"] is not None for i in items), "trl_target", sum("trl_target" in i["stated"] for i in items),
          "indicators", sum(bool(i["indicators"]) for i in items), "values", sum(len(i["indicators"]) for i in items),
          "budget", sum(bool(i["budget"]) for i in items), "deadline", sum(bool(i["deadline"]) for i in items),
          "links", sum(len(i["links"]) for i in items), "machine zh", sum(i["zh_origin"] == "machine" for i in items))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with demo, zh_chinaxiv, en_sbir_need2award …")
    data = parser.parse_args().data
    problem_papers = [
        row["_id"].removeprefix("ZH-P-")
        for row in read(data / "demo/needs.jsonl")
        if row["kind"] == "derived_problem_statement"
    ]
    more = [q["_id"][2:] for q in read(data / "zh_chinaxiv/dev/queries.jsonl") if q["metadata"]["type"] == "problem"]
    achieved, topic_links = awards(data)
    achievements = papers(data, problem_papers + more) + achieved + techport(data) + software(data)
    by_key = {item["key"]: item for item in achievements}
    needs = topics(data, topic_links) + calls(data)
    needs += problems(data, by_key, {n["zh"]["title"] for n in needs if n["zh"]})
    for need in needs:
        for key in need["links"]:
            by_key[key]["links"].append(need["key"])
    OUT.mkdir(parents=True, exist_ok=True)
    tell("achievements.jsonl.gz", achievements, write("achievements.jsonl.gz", achievements))
    tell("needs.jsonl.gz", needs, write("needs.jsonl.gz", needs))


if __name__ == "__main__":
    main()
