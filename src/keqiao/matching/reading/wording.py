"""The words around a figure: at least, up to, raised by, under, was measured, should. Tables and patterns, no logic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

BEFORE = {
    ">=": "≥ >= >/= => ⩾ 大于等于 大于或等于 大于 高于 超过 超出 超 突破 多于 长于 逾 不低于 不少于 不小于 不短于 不弱于 "
    "至少 最少 最低 起码 > "
    "at_least at_least_at equal_to_or_greater_than at_or_above no_less_than not_less_than no_lower_than not_lower_than "
    "no_fewer_than no_smaller_than not_below "
    "more_than greater_than "
    "higher_than larger_than longer_than deeper_than wider_than thicker_than "
    "heavier_than taller_than greater_than_or_equal_to in_excess_of exceeding exceeds exceed "
    "exceeded over above beyond minimum min gt nlt upwards_of",
    "<=": "≤ <= </= =< ⩽ 小于等于 小于或等于 小于 低于 少于 短于 不足 不到 不高于 不大于 不超过 未超过 不超 不多于 不长于 "
    "至多 最多 最高 最大 控制在 < "
    "at_most no_worse_than less_than_or_equal_to equal_to_or_less_than at_or_below no_more_than not_more_than "
    "no_higher_than no_greater_than no_larger_than no_longer_than not_exceeding "
    "not_to_exceed not_exceed "
    "not_larger_than not_longer_than not_heavier_than not_thicker_than not_wider_than "
    "less_than fewer_than lower_than shorter_than smaller_than lighter_than thinner_than finer_than "
    "narrower_than "
    "below under within up_to "
    "maximum max lt nmt",
    "=": "等于 为 = ≈ ~ equal_to of around about approximately roughly nearly almost close_to near 约 大约 左右 近 将近 接近 高达 "
    "低至 多达 as_high_as as_low_as as_much_as as_little_as as_long_as as_small_as as_large_as",
    "better": "优于 好于 better_than superior_to",
    "faster": "快于 faster_than quicker_than",
}
AFTER = {
    ">=": "及其以上 及以上 或以上 以上 或更高 或更多 起 or_more or_above or_higher or_longer or_greater and_above "
    "and_higher and_larger and_greater minimum at_least at_minimum at_a_minimum",
    "<=": "及其以下 及以下 或以下 以下 以内 之内 内 或更低 or_less or_below or_lower or_fewer or_shorter or_smaller and_below "
    "and_smaller and_less "
    "maximum max at_most at_maximum at_a_maximum",
}


def _words(table: Mapping[str, str]) -> dict[str, str]:
    return {word.replace("_", " "): sign for sign, words in table.items() for word in words.split()}


def alternatives(words: Iterable[str]) -> str:
    """Longest first; Latin words as whole words."""
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(
        rf"\b{re.escape(word)}\b" if word[0].isascii() and word[0].isalpha() else re.escape(word) for word in ordered
    )


AFTER["better"] = "or_better"
BEFORE_WORDS, AFTER_WORDS = _words(BEFORE), _words(AFTER)

# Before the same number in brackets: one (1) pound, twenty-one (21) months.
SPELLED_OUT = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|eighteen|twenty|thirty)(?:-[a-z]{3,5})?"
)

# What may stand between "at least" and the number.
FILLERS = (
    r"(?: |\.(?= )|\([=≥≤]\)|，? ?"
    r"(?:到了|达到了?|到达|可达到?|能达到?|达|到|了|为|是|仅|约|大约|其)|\b(?:the order of|approximately"
    r"|about|around|a total of|an?"
    r"|the|of|by|only|first|next|factor"
    rf"|be|to|another|span|period|total|cost|amount|{SPELLED_OUT}(?= ?$))\b)*"
)
STATED_BEFORE = re.compile(rf"(?P<word>{alternatives(BEFORE_WORDS)}){FILLERS}$", re.IGNORECASE)
AT_MOST_VERB = re.compile(
    r"(?:最高|最多|最大|至多)(?!值)(?:能够?|可以?|将)?(?:分别)?(?:提高|提升|增加|降低|减少|下降|缩短|节约|节省|达到?|至|升高"
    r"|有|(?:能够?|可以?)[\u4e00-\u9fff]{0,3})了?约? ?$"
)
AT_LEAST_VERB = re.compile(r"(?:至少|最少)(?:能够?|可以?)?(?:提高|提升|增加|降低|减少|下降|缩短|节约|节省)了?约? ?$")
# A minimum specific energy of 1,500 Wh/kg.
EXTREME_OF = re.compile(
    r"\b(?:(?P<least>minimum|min\.?)|maximum|max\.?) (?:[a-z-]+ ){1,5}of (?:about |approximately )?"
    rf"(?:{SPELLED_OUT} )?$",
    re.IGNORECASE,
)
EXTREME = re.compile(r"最[高低大小多少]|max(?:imum)?|min(?:imum)?", re.IGNORECASE)
STATED_AFTER = re.compile(
    rf"(?:\.(?= or ))? {{0,3}}(?:高度|深度|尺度|范围|区域)?"
    rf"(?:\((?=(?:and|or) ))?(?:(?:[a-z-]+ ){{1,2}}"
    rf"(?=or (?:better|less|more|greater|longer|smaller|larger|higher|lower)))?(?P<word>{alternatives(AFTER_WORDS)})",
    re.IGNORECASE,
)
OPEN_PLUS = re.compile(r"\+(?![\w+])")
SMALLER_IS_BETTER = re.compile(
    r"误差|精度|定位|偏差|相噪|杂散|分辨率|分辨力|灵敏度|检出限|检测限|噪声|不确定度|均匀性|稳定性|漂移|时间|延迟|成本|能耗|粗糙度"
    r"|detection limits?|limits? of detection|detectable|accuracy"
    r"|sensitivity|error|resolution|precision|deviation|uncertainty|noise|uniformity|stability|drift|latency|time"
    r"|cost|roughness",
    re.IGNORECASE,
)
PLACING = re.compile(r"within|below|under|above|over", re.IGNORECASE)  # deep within (10 cm) the body
LACKING = re.compile(r"不足|超")
# Significantly above the 10 % group: the group has 10 %, nothing is bounded.
THAN_A_GROUP = re.compile(r"[高低大小多少]于")
SIGNIFICANTLY = re.compile(r"显著地?$")
GROUP = re.compile(r" ?(?:[A-Za-z\u4e00-\u9fff] ?){0,8}?(?:组(?![合成织分件装建])|处理(?![量率费能])|对照)")
LARGER_IS_BETTER = re.compile(r"距离|寿命|续航|量程|深度|range|life|endurance|distance|depth|duration", re.IGNORECASE)
# Of a share the sentence before decides: an accuracy better than 5 % is below it.
SHARE_OF_ERROR = re.compile(
    r"误差|偏差|均匀性|稳定性|不确定度|畸变|accura|error|precision|deviation|uncertaint|uniformity|stability|drift|flatness|distortion"
    r"|repeatab|linearity|noise|波前|面形|RMS",
    re.IGNORECASE,
)
UNDER_IS_AT = re.compile(r"\[(?:mass|force|temperature)\]|temperature")  # "under 5 MPa" is a circumstance, not a bound

RANGE_SIGN = re.compile(
    r"(?:-(?= ?to\b))? {0,9}(?:-{1,2}|- - ?(?=\d)|~|(?:至|到)(?:最[大高多长])?"
    r"|\bto(?![A-Za-z])(?:-(?= ?\d)| plus| minus| over| above| about"
    r"| approximately)?|\bthrough\b|\bdown to\b"
    r"|\bup to\b) {0,9}"
    r"(?=[-+]?\.?\d|\+ \d|[¥$€£] ?\d|(?:TRL|pH|Mach) ?\d|(?:EUR|USD|CNY|RMB|GBP) \d)",
    re.IGNORECASE,
)
BOTH_ENDS = re.compile(
    r" ?(?:和|与|及) ?(?=[-+]?\d+(?:\.\d+)? ?[^\d,，。;；]{0,8}?之间(?!的?差|无|存在|有))"
)  # 5 dB 与 8 dB 之间
AND_OF_BETWEEN = re.compile(r" ?(?:\([^()\d]{0,3}\) ?)?(?:and(?![A-Za-z])|和|与|及) ?(?=[-+]?\d)")
BETWEEN = re.compile(
    r"(?:\bbetween|在|介于|位于)(?: approximately| about| roughly)?[^\d,，。;；]{0,12}$", re.IGNORECASE
)
BETWEEN_WITHIN = re.compile(r"[^,，。;；]{0,16}之间")
WITH_ARTICLE = re.compile(r"^(?:over|under|above|below|beyond)\b.*\b(?:an?|the)\b", re.IGNORECASE)
BETWEEN_END = re.compile(r" ?之间")
BETWEEN_ENDS = re.compile(r" ?(?:之间|范围内?$)")
FROM_TO_CHANGE = re.compile(
    r"(?:提高|提升|增加|增长|上升|升高|降低|下降|减少|缩短|减小|\b(?:increas\w*|improv\w*|decreas\w*|reduc\w*|rais(?:e|es|ed|ing)|lower(?:s|ed|ing)?|chang(?:e|es|ed|ing)|gr(?:ow|ows|ew|own|owing)|matur(?:e|es|ed|ing)|mov(?:e|es|ed|ing)|advanc\w*|doubl\w*|ris(?:e|es"
    r"|ing)|rose|drop(?:s|ped|ping)?\b|fell|fall(?:s|en|ing)?)\b)"
    r"[^。.;；]{0,45}$",
    re.IGNORECASE,
)

# --- Roles ------------------------------------------------------------------------------------------------------------

CHANGE_BEFORE = re.compile(
    r"(?:提高|提升|增加|增长|增大|增幅|降低|减少|减小|减轻|下降|降幅|缩短|节约|节省|节能|改善|改进|上升|升高|升幅"
    r"|高出|(?<!最)[高快多少低]|延长|压缩|优化|回落|扩大)"
    r"(?:了|约|近|到|达|率|幅度|[\u4e00-\u9fffA-Za-z]{0,8}端|最高|可?达|超过|至少|分别|为|了约|[约近达了:： ]){0,3} ?$"
    r"|\b(?:reduc\w+|increas\w+|improv\w+|decreas\w+|sav(?:e|es|ed|ing|ings)|gain|lower\w*|cut\w*|drop\w*|enhanc\w+"
    r"|extend\w*|better|faster|boost\w*"
    r"|suppression|less|more)"
    r"(?: (?:of|by|in|an?|the|up to|at least|as much as|about|approximately|roughly|nearly|over|more than|to|order|fuel"
    r"|energy|cost|consumption|weight|size)){0,5} ?$",
    re.IGNORECASE,
)
LEVEL_BEFORE = re.compile(
    r"(?:提高|提升|增加|降低|减少|下降|缩短|上升|升高|改善)(?:了)?[到至]|\b(?:reduced|increased|improved|lowered"
    r"|raised) (?:from|to)\b[^,;]{0,20}$"
)
CHANGE_AFTER = re.compile(
    r" ?(?:的?(?:提升|提高|增益|增长|下降|降幅|增幅|降低|改善|改进|[\u4e00-\u9fff]{0,4}开销))"
    r"|(?: of additional)? ?\b(?:reduction|increase"
    r"|improvement|decrease|savings?"
    r"|gain over|faster|higher|lower|better|smaller|larger|less|more|longer|shorter|lighter|greater)\b(?! than| or)",
    re.IGNORECASE,
)
CONDITION_BEFORE = re.compile(
    r"(?:(?<![持制定])在|当|(?<!大)(?<!小)(?<!高)(?<!低)(?<!优)于|经过?|添加|培养|处理|条件)[^，。；;,、]{0,12}$|试验期?$"
    r"|\b(?:at|under|when|while|during|after|for|over|with|of|range of|from|in|on|operat\w+|between)\b(?: (?:a|an|the"
    r"|temperatures?|pressures?|range|of|operating|up|to|extreme\w*|power|input|distances?|altitudes?|heights?|depths?"
    r"|than|more|less|from|between|uplinks|input)){0,5} ?$",
    re.IGNORECASE,
)
CONDITION_AFTER = re.compile(
    r" ?(?:[\u4e00-\u9fff]{0,6}?(?:时(?![间长滞])|条件|下(?=[，,的能可进]|$)|后(?=[，,]|\d|断|取)|环境下|处理|范围内"
    r"|浓度下|工况)|龄|试验期|饲)"
    r"|[^.,;]{0,12}\b(?:altitude|conditions?|operation|operating|environment|bandwidth|wheeled|bend)\b",
    re.IGNORECASE,
)

# --- Status -----------------------------------------------------------------------------------------------------------

MEASURED = re.compile(
    r"实测|测得|测定|测试得|实验测试|实验研究|(?:试验|实验)条件下|测试结果|检测结果|检测报告|经.{0,8}(?:检测|测试"
    r"|检验|鉴定|验证)|(?<!仿真)(?<!模拟)(?:实验|试验|测试|研究|检测|临床"
    r"|实地考查)(?:的)?(?:结果|数据)?(?:表明|显示|证明|发现)|(?:^|。|；|;)结果(?:表明|显示)?"
    r"|实验结果|试验结果|与传统方法相比|对照组|运行数据|结果(?:表明|显示)"
    r"|\b(?:was|were|been|is|are|we|has|have) (?:experimentally |successfully |already )?(?:measured|tested"
    r"|demonstrated|observed|achieved|verified|validated|recorded|found)"
    r"|\bmeasured (?:at|to|value|an?|by)\b|\b(?:has|have|had) (?:successfully |already )?(?:demonstrated|achieved"
    r"|measured|shown|generated|produced|reached|attained)"
    r"|\btests? (?:show|showed|have shown|confirmed)|\b(?:experimental|test) (?:results?|data)\b|\bresults (?:show"
    r"|showed|indicate|demonstrate)\b|\bdemonstrated(?! by)",
    re.IGNORECASE,
)
CALCULATED = re.compile(
    r"仿真|模拟结果|理论(?:上|分析|计算|效率|太阳能|值)|热力学分析|计算(?:结果|表明|得)|数值计算|估算|推算"
    r"|\bsimulat(?:ed|ion|ions)\b|\bcalculat(?:ed|ions?)\b"
    r"|\btheoretical(?:ly)?\b"
    r"|\bestimated?\b|\bpredict(?:ed|s)\b|\bmodel(?:l?ed|ing) (?:shows|predicts)",
    re.IGNORECASE,
)
PROMISED = re.compile(
    r"预计|(?<!测试)预期|目标|拟|计划|将(?=达|可|能|会|在|实现|提高|降低|超)|有望|要求|(?<!所)需(?=达|在|求|要(?!的))"
    r"|应(?:不|能|达|该|当|低|高|小|大|在|为)|希望|力争"
    r"|设计(?:值|指标)|期望|可望"
    r"|\b(?:will|shall|should|must|would|could|may|might|expects?|expected|anticipat\w+|plans?|planned|proposes?"
    r"|proposed|goals?|objectives?|targets?"
    r"|targeted|aims?|desired?|requires?|required|requiring|requirements?|needs?|needed|seek(?:s|ing)?|capable"
    r"|threshold|intend\w*|to be|projected|potential(?:ly)?)\b",
    re.IGNORECASE,
)
POSSIBLE = re.compile(
    r"可达|可至|可以(?:达到|控制|降低|提高)|能够?达到|最高可|\bcan\b|\bup to\b|\bas (?:high|low|much) as\b",
    re.IGNORECASE,
)
