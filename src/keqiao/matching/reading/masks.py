"""Numbers that are no figures: dates, ages, ordinals, statistics, names and codes. They are masked before anything is read."""

from __future__ import annotations

import re

MONTHS = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
OLD = r"(?:-| )(?:years?|months?|weeks?|days?)(?:-| )(?:olds?|(?:of )?age)\b"
OF_GROUP, SHARES = r"(?:值|[(（][^()（）]{1,8}[)）])", r"0?\.\d+(?:(?:[、,和及]| ?或) ?0?\.\d+){0,8}"
MORE = r"(?:[、,，和至~-] ?\d{1,6}){0,8}"
NAMED = (
    r"(?:[Pp]hases?|[Vv]ersions?|[Pp]ages?|[Tt]ypes?|[Cc]lass|[Gg]rades?|[Ff]igures?|[Tt]ables?|[Ss]teps?|[Tt]asks?|[Cc]odes?"
    r"|(?-i:Figs?\.?|Options?|Sections?|Annex|Topics?|Articles?|No\.|FY|Years?))"
)
# Mass number and element, as optical reading leaves it: 137 C s, 22 N a.
ISOTOPE = (
    r"(?:1[34]7 ?C ?s|134 ?C ?s|2[24] ?N ?a|60 ?C ?o|9[09] ?S ?r|8[67] ?S ?r|99 ?m?-? ?T ?c|1(?:23|25|31) ?I"
    r"|177 ?L ?u|6[78] ?G ?a|64 ?C ?u"
    r"|111 ?I ?n(?= white|-| label| oxine)"
    r"|21[01] ?P ?[bo]|20[4678] ?P ?b|226 ?R ?a|222 ?R ?n|232 ?T ?h|23[3458] ?U|241 ?A ?m|239 ?P ?u|4[024] ?C ?a"
    r"|3[69] ?A ?r|40 ?A ?r|2[789] ?S ?i|29 ?S ?i|3[46]S|14N|31 ?P|3 ?H ?e|4 ?H ?e|57 ?F ?e|(?:9[4-9]"
    r"|100) ?M ?o)(?![A-Za-z])(?! ?[/·](?! ?\d))"
)
NO_LENGTH = r"(?!(?: ?[x×X] ?\d+(?:\.\d+)?){0,2} ?-?(?:[cmnμk]? ?m|in|o|ft|feet|inch(?:es)?|deg(?:rees?)?|°)(?![A-Za-z])| ?[\"″])"
# What begins with a digit is looked for at digits only.
AT_DIGITS = (
    # Dates and times
    (
        r"(?<!\d)(?:1\d|20)\d\d ?(?:[-~/、,，至到和]{1,2} ?(?:1\d"
        r"|20)?\d\d ?){0,6}年(?!/)(?: ?\d{1,2} ?月(?: ?\d{1,2} ?[日号])?(?:[、,，和及] ?\d{1,2} ?月(?![龄内后]))*)?"
    ),
    r"(?<!\d)(?:19|20)\d\d/\d{2,4} ?年",
    r"(?:19|20)\d\d(?:19|20)\d\d ?年",  # 2010–2020 年 without its dash
    r"\d{1,2} ?月 ?(?:\d{1,2} ?[日号]|份|中旬|上旬|下旬|底|初)",
    r"(?<![\d.])(?:19|20)\d\d(?:-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|\.\d{1,2}\.\d{1,2})(?!\d)",
    r"(?<![\d.~<>≤≥])(?:19|20)?\d0(?:s\b|年代)|\b\d[\d,]{0,9}0s(?= (?:of|to)\b| and \d[\d,]{0,9}0s of\b)",
    r"\d{1,2}:\d\d",
    # Ages
    (
        rf"\d+(?:\.\d+)?{MORE}(?: ?± ?\d+(?:\.\d+)?)?[ )]{{0,2}}"
        r"(?:日龄|周龄|月龄|岁|年生(?!存)|a ?生(?=[植树红梭沙柠胡杨苗灌草])|周岁)"
    ),
    rf"(?:\d+(?:-\d+)?(?:,| and| or|, and| to) ){{0,4}}\d+(?:-\d+)?{OLD}",
    r"(?<!后)(?<!后 )(?<![天周]、)(?<!\d)\d{1,2} ?月(?:[、和及] ?\d{1,2} ?月)+(?![龄内后])",
    r"(?:9\d(?:\.\d)? ?%|9\d percent) ?(?:CI|C I|置信区间|confidence(?: interval| level)?)[^,,;；。)）\u4e00-\u9fff]{0,24}",
    # Sizes of arrays, ratios, coordinates
    (
        rf"(?<![\d.])(?:\d{{1,3}}(?:,\d{{3}})+|\d+(?:\.\d+)?) ?[×xX*] ?(?!10(?:\^|e-| ?\(-?\d|[⁻⁺⁰-⁹]|[1-9-]"
        rf"| - ?\d))(?:\d{{1,3}}(?:,\d{{3}})+|\d+(?:\.\d+)?)(?: ?[×xX*] ?\d{{1,9}}){{0,3}}(?![.\d]){NO_LENGTH}"
    ),
    r"(?<![\d.])(?:\d+(?:\.\d+)? ?(?:-|~|至|to) ?)?\d+(?:\.\d+)? ?: ?\d+(?:\.\d+)?(?: ?: ?\d+(?:\.\d+)?){0,6}(?![A-Za-z%])",
    r"\d+ ?[°º] ?\d+ ?[′'](?: ?\d+(?:\.\d+)? ?(?:″|\"|''|′′))?",
    (
        r"(?-i:\b0[ -]?G\b)(?!/)|\b\d{1,2}K ?[x×] ?\d{1,2}K\b|\b[48]K (?=\(?(?:objecti|resol|defin|3840|video|UHD|display|TV|ultra"
        r"|monitor|image))"
    ),
    r"(?-i:(?<!\d)(?:304|316|317|321|347)(?:LN?|H)(?![A-Za-z])|463L\b|\b0N (?=[A-Za-z]))",  # steels; "0N THE BASIS"
    r"\b3M (?=flight|company|will|corp|center|has)|\b[23]d (?=gener|model|imag|print|reconst|render|visual|graph|geom|scan)",
    # the power of a unit whose number could not be read
    r"(?-i:(?<=[cdkh] m )[23](?= [a-z] - ))",
    rf"(?<![\d.]){ISOTOPE}",
    # An anniversary; the ends of a strand; nuclei of a spectrum; a family of genes; pixels; what a code left of its thousands
    r"\d{1,4} ?周年|[35] ?['′](?= ?-? ?(?:端|末端|非编码|UTR|RACE|侧翼|end\b))",
    r"(?-i:\d{1,3}(?:H|C|N|F|P|Si|B|Li|Al|Sn|Xe)(?= ?-? ?NMR)|\d{1,3}[A-Z](?=家族|亚型))|\d{1,6}-pixel\b|(?<=\d,)0\d\d(?!\d)",
    r"(?<![\d.])[248]K(?=[、,，/ ]{0,2}(?:\d{3,4}[Pp]|高清|超高清|分辨率|显示|视频|电视|屏|images?\b|radiance))",
    r"\b510 ?\(?K\)?(?= (?:FDA|appl|clear|subm|notif|appr))|(?-i:(?<![A-Za-z\d.])\d{1,2}[A-Z]-[A-Z]{2,})",
    r"\d\.0 ?(?=标准|时代|版本|系列)",
    r"\d{1,2} ?[-~至到] ?\d{1,2} ?月(?:[、和及] ?\d{1,2} ?月)*(?!内|龄|后)",
)
ELSEWHERE = (
    rf"\b\d{{1,2}} {MONTHS}\b|(?=[ADFJMNOS]){MONTHS} \d{{1,2}}(?!\d)",
    r"(?:平均年龄|树龄|林龄)[为是约达在均]{0,3} ?\d+(?:\.\d+)?(?: ?[~-] ?\d+(?:\.\d+)?)? ?(?:年|a)(?![A-Za-z])",
    (
        r"(?:年龄|日龄|月龄|龄期)(?:超过|大于|小于|不足|不超过|低于|高于|在|为|≥|≤|>|<)? ?"
        r"\d+(?:\.\d+)?(?: ?[~-] ?\d+)? ?(?:天|d|日|个?月|周|年)(?![A-Za-z])"
    ),
    (
        r"(?:population|\b(?:people|adults|patients|persons|individuals|women|men|children|those|seniors|americans))(?: aged)?"
        r" (?:over|under|above|below|older than|younger than|at least) (?:the age of )?\d+(?: years?)?\b(?! (?:ago|after|from))"
    ),
    r"[ⅠⅡⅢⅣⅤ] ?\d{1,2}\.\d",
    r"(?:工业|工业互联网|社会|教育|等级保护|等保|Web|商业|农业|医疗|制造) ?\d\.0",
    r"(?<=\)): ?\d{1,4}-\d{1,4}(?:\.\d{1,2})?|\bages? ?\([^()]{1,40}\)",
    r"\b(?:Sentinel|Landsat)[ -]\d[A-D]?\b|\bIEEE(?: +Std\.?)?(?: +|-)\S{1,12}(?: +\d[A-Z]\b)?",
    r"\b(?:ages?|aged) (?:of |between |from )?\d+(?: ?(?:-|to|and|through) ?\d+)?(?: years?)?",
    r"[“\"]\d{1,2}[.·]\d{1,2}[”\"]|前 ?\d{3,4} ?年(?!前)",
    r"公元前? ?\d{1,4} ?年?(?: ?[-~至到]{1,2} ?\d{1,4} ?年)?|直[到至] ?\d{3,4} ?年(?!后)|(?<!\d)\d{3} ?年(?: ?[-~至] ?\d{3,4} ?年)",
    # Ordinals, numbered things, numbered lists
    r"第 ?\d+(?: ?[-~、,，和至] ?\d{1,6}){0,8}|\b\d+(?:st|nd|rd|th)\b",
    rf"\b{NAMED} ?(?:-| )?\d{{1,9}}(?:\.\d{{1,6}}){{0,4}}(?: ?(?:[-,]|and|to) ?\d{{1,9}}){{0,8}}",
    r"(?:图|(?<![地代发外])表|式|附录|版本|版) ?\d{1,6}(?:[.-]\d{1,6}){0,4}",
    (
        r"(?:^|(?<!\bone)(?<!\btwo)(?<!\bthree)(?<!\bfour)(?<!\bfive)(?<!TRL)(?<!pH)[\s。；;:：(（])[(（]?\d{1,2}[)）](?=[^\d])"
        r"(?! (?:years?|months?|weeks?|days?|hours?|minutes?|pounds?|percent|feet|miles?|gallons?|met(?:er|re)s?)\b)"
    ),
    r"\[\d{1,4}(?: ?[-,] ?\d{1,4}){0,12}\]",
    # Statistics: p values, confidence intervals
    rf"[(（]?[·. ]*(?<![A-Za-z])(?<![A-Z] )[Pp] ?{OF_GROUP}? ?(?:值|均|都|依次|分别)? ?(?:为|是|[<>=≤≥＜]) ?{SHARES}[ .·]*[)）]?",
    r"[(·1] ?[·. ,]*[<>] ?0\.0(?:5|1|01)(?!\d| ?%)",  # a p that optical reading lost
    r"(?:χ|x|X) ?[2²]值? ?(?:分别|均)?(?:[=＝]|为) ?\d+(?:\.\d+)?(?:[、,和] ?\d+\.\d+){0,8}|\b(?:MSWD|df) ?= ?\d+(?:\.\d+)?",
    # Codes, addresses, names of things
    r"https?://\S{1,200}|doi:? ?10\.\S{1,200}|doi\S{1,200}|\d+(?:-\d+){2,}|\d+(?:\.\d+){2,}|(?<![\d.,])0\d+(?![.\d]*[%℃])",
    (
        r"(?:化合物|抑制剂|衍生物|产物|配体|探针|实验|研究|compounds?|inhibitors?|analogu?es?|experiments?|stud(?:y|ies)) ?"
        r"\d{1,2}(?-i:[a-z])(?![A-Za-z])(?:[、,和-] ?\d{1,2}(?-i:[a-z])(?![A-Za-z])){0,8}"
    ),
    r"(?-i:\b[A-Z]\+\d(?![\d.]))",  # N+2
    # Equations: h = 3.84 + 9.13t, y = 3.5x - 2.1
    (
        r"[A-Za-z)²2] ?= ?-?\d+(?:\.\d+)? ?\+ ?\d+(?:\.\d+)? ?\*?[A-Za-z](?![A-Za-z])"
        r"|[A-Za-z)²2] ?= ?-?\d+(?:\.\d+)? ?[xXt](?![A-Za-z]) ?[-+] ?\d+(?:\.\d+)?"
    ),
    # Formulas set apart: C O 2 循环; pH24h of meat
    r"(?-i:(?<![A-Za-z])(?:[CNS] O [23]|N H [34]|C H 4)(?![\d.])|(?<![A-Za-z])p ?H ?(?:24|45|48) ?(?:h|min|m i n)(?![A-Za-z]))",
    r"(?-i:\b[A-Z][a-z]- \d{2,3}m\b)",  # Sn- 117m
    # The 1750A processor; receptors and genes by number and letter; alloys; 3d models
    r"\b1750A\b|受体 ?\d[A-Z]\b|[(（]\d[a-d][)）]|\bTi-? ?6 ?A[l1]-? ?4 ?V\b",
    r"p ?E ?T ?- ?\d{2} ?[a-c](?![a-z])|^\d{5}(?= A )|F ?E ?V ?1 ?%|(?<=[:.]) ?\d[A-Z]:(?= [A-Z])|[Pp] ?/ ?= ?0\.\d+",
    r"(?-i:(?<=[A-Za-z]) - [1-4](?= ?[·.] ?[A-Za-z]))",
    r"\bMIL-?(?:STD|PRF|HDBK|DTL|[A-Z])[- ]?\d\w*(?:-\w+){0,3}",  # military standards
    # 12000 - 2015 年 was 1. 2000–2015; "1This proposal"; 802.11; 17-4PH; 7:30 a.m.
    (
        r"(?<!\d)\d(?:19|20)\d\d ?[-~至] ?(?:19|20)\d\d ?年|(?-i:^1(?=[A-Z]))|(?<!\d)802\.1\d?|2\.0(?=应用|时代|技术|环境|平台)"
        r"|\bSPIE,? (?:Vol\. ?)?\d{2,6} ?\w{0,9}|\d{1,3} ?Gb? ?(?=Ethernet)"
        r"|10 ?Gig(?:abit|E)\b(?! ?[/p])|1[35] N(?= ?[\u4e00-\u9fff])"
        r"|(?<!\d)1[57]-[47] ?-?PH(?![A-Za-z])|\bPH ?1[35]-[78] ?Mo|(?<!\d)\d{1,2} ?C ?r ?\d{1,2}(?!\d)|(?-i:\d{1,3}[A-Z] ?(?=组))"
        r"|(?<![\d.])[1-9]/[2-9] ?[~-] ?[1-9]/[2-9](?!\d)"
        r"|\d{1,2} ?: ?\d\d(?= ?[ap] ?\. ?m)"
    ),
    # Isotopes, genes, places in molecules
    r"(?<![\d.])(?:1[134]C|1[35]N|1[578]O|18F|32P|35S|3H|137 ?Cs|90 ?Sr)\b|\(\d{2,3}M?\)(?=[A-Z]{1,2}\b)",
    (
        r"(?<![A-Za-z])T ?[12] ?\*? ?W ?I"
        r"|(?<![A-Za-z])[nN] ?= ?\d+(?= ?(?:[,，;；)）I]|$))"
    ),
    r"\b(?:19|20)?\d\d/\d{1,4}/[A-Z]{2}|\((?:EU|EC|EEC)\) ?(?:No ?)?\d+/\d+|\b(?:19|20)\d\d[a-h]\b",  # laws, references
    r"(?<![\d.])\d+[SR] ?r?RNA|\bC\d+:\d+\S*",
    r"δ ?\d{1,2} ?[CNOHSD](?![A-Za-z])|\b3T3(?!\d)",
    r"(?<![A-Za-z])[cgp] ?\. ?\d+ ?(?:[-+_] ?\d{1,6} ?)?[A-Z] ?> ?[A-Z]|(?<![\d.])\d{1,2}(?:,\d{1,2})+-(?=[A-Za-zα-ω])",
)
NO_FIGURE = re.compile(rf"(?=\d)(?:{'|'.join(AT_DIGITS)})|{'|'.join(ELSEWHERE)}", re.IGNORECASE)
