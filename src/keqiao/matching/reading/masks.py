"""Numbers that are no figures: dates, ages, ordinals, statistics, names and codes. They are masked before anything is read."""

from __future__ import annotations

import re

MONTHS = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
OLD = r"(?:-| )(?:years?|months?|weeks?|days?)(?:-| )(?:olds?|of age)\b"
OF_GROUP, SHARES = r"(?:值|[(（][^()（）]{1,8}[)）])", r"0?\.\d+(?:[、,和及] ?0?\.\d+){0,8}"
MORE = r"(?:[、,，和至~-] ?\d{1,6}){0,8}"
NAMED = (
    r"(?:[Pp]hases?|[Vv]ersions?|[Pp]ages?|[Tt]ypes?|[Cc]lass|[Gg]rades?|[Ff]igures?|[Tt]ables?|[Ss]teps?|[Tt]asks?"
    r"|(?-i:Figs?\.?|Options?|Sections?|Annex|Topics?|Articles?|No\.|FY))"
)
MASKS = (
    # Dates and times
    r"(?<!\d)(?:1\d|20)\d\d ?(?:[-~/、,，至到和]{1,2} ?(?:1\d|20)?\d\d ?){0,6}年(?!/)(?: ?\d{1,2} ?月(?: ?\d{1,2} ?[日号])?)?",
    r"(?:19|20)\d\d(?:19|20)\d\d ?年",  # 2010–2020 年 without its dash
    r"\d{1,2} ?月 ?(?:\d{1,2} ?[日号]|份|中旬|上旬|下旬|底|初)",
    r"(?<![\d.])(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)",
    r"(?<![\d.])(?:19|20)?\d0(?:s\b|年代)|\b\d{1,4}0s(?= of\b)",
    rf"\b\d{{1,2}} {MONTHS}\b|{MONTHS} \d{{1,2}}(?!\d)",
    r"\d{1,2}:\d\d",
    # Ages
    rf"\d+(?:\.\d+)?{MORE} ?(?:日龄|周龄|月龄|岁|年生|周岁)",
    rf"(?:\d+(?:-\d+)?(?:,| and| or|, and| to) ){{0,4}}\d+(?:-\d+)?{OLD}",
    # Ordinals, numbered things, numbered lists
    r"第 ?\d+(?: ?[-~、,，和至] ?\d{1,6}){0,8}|\b\d+(?:st|nd|rd|th)\b",
    rf"\b{NAMED} ?(?:-| )?\d{{1,9}}(?:\.\d{{1,6}}){{0,4}}(?: ?(?:[-,]|and|to) ?\d{{1,9}}){{0,8}}",
    r"(?:图|表|式|附录|版本|版) ?\d{1,6}(?:[.-]\d{1,6}){0,4}",
    r"(?:^|(?<!\bone)(?<!\btwo)(?<!\bthree)(?<!\bfour)(?<!\bfive)[\s。；;:：(（])[(（]?\d{1,2}[)）](?=[^\d])",
    r"\[\d{1,4}(?: ?[-,] ?\d{1,4}){0,12}\]",
    # Statistics: p values, confidence intervals
    rf"[(（]?[·. ]*(?<![A-Za-z])[Pp] ?{OF_GROUP}? ?(?:值|均|都|依次|分别)? ?(?:为|是|[<>=≤≥＜]) ?{SHARES}[ .·]*[)）]?",
    r"[(·1] ?[·. ,]*[<>] ?0\.0(?:5|1|01)(?!\d)",  # a p that optical reading lost
    r"(?:9\d(?:\.\d)? ?%|9\d percent) ?(?:CI|C I|置信区间|confidence interval)[^,,;；。)）\u4e00-\u9fff]{0,24}",
    # Sizes of arrays, ratios, coordinates
    r"(?<![\d.])\d+(?:\.\d+)? ?[×xX*] ?(?!10(?:\^|[⁻⁺⁰-⁹]|[1-9-]| - ?\d))\d+(?:\.\d+)?(?: ?[×xX*] ?\d{1,9}){0,3}",
    r"(?<![\d.])\d+(?:\.\d+)? ?: ?\d+(?:\.\d+)?(?: ?: ?\d+(?:\.\d+)?){0,6}(?![A-Za-z%])",
    r"\d+ ?[°º] ?\d+ ?[′']",
    # Codes, addresses, names of things
    r"https?://\S{1,200}|doi\S{1,200}|\d+(?:-\d+){2,}|\d+(?:\.\d+){2,}|(?<![\d.,])0\d+(?![.\d]*[%℃])",
    r"(?-i:\b0[ -]?G\b)(?!/)|\b[48]K (?=\(?(?:3840|video|resol|UHD|display|TV|ultra|monitor|image))",
    # Isotopes, genes, places in molecules
    r"(?<![\d.])(?:1[134]C|1[35]N|1[578]O|18F|32P|35S|3H|137 ?Cs|90 ?Sr)\b|\(\d{2,3}M?\)(?=[A-Z]{1,2}\b)",
    r"(?<![\d.])\d+[SR] ?r?RNA|\bC\d+:\d+\S*",
    r"\b[cgp] ?\. ?\d+ ?(?:[-+_] ?\d{1,6} ?)?[A-Z] ?> ?[A-Z]|(?<![\d.])\d{1,2}(?:,\d{1,2})+-(?=[A-Za-zα-ω])",
)
NO_FIGURE = re.compile("|".join(MASKS), re.IGNORECASE)
