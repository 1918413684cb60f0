"""Numbers with rules: social credit codes, Chinese patent numbers, IPC symbols. Checked, and made for fiction.

Sources: GB 32100-2015 (R-803), ZC 0006-2003 (R-801), ZC 0007-2012 and ZC 0008-2004 (R-802), WIPO ST.8 (R-808).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

LONGEST_TEXT = 60


class IdentifierError(ValueError):
    """`part` names what is wrong (length, charset, case, check …), `example` is a correct one."""

    what = "identifier"
    example = ""

    def __init__(self, text: str, part: str, expected: str = "") -> None:
        self.text = text[:LONGEST_TEXT]
        self.part = part
        self.expected = expected
        hint = f" (expected {expected})" if expected else ""
        super().__init__(f"{self.text!r} is not a {self.what}: {part}{hint}; for example {self.example}")


class CreditCodeError(IdentifierError):
    """part: case, length, charset, organisation_check, check."""

    what = "unified social credit code"
    example = "91350100M000100Y43"


class ApplicationNumberError(IdentifierError):
    """part: format, year, kind, check."""

    what = "Chinese patent application number"
    example = "201310699744.2"


class PublicationNumberError(IdentifierError):
    """part: format, kind, code."""

    what = "Chinese patent publication number"
    example = "CN103789457A"


class IpcError(IdentifierError):
    """part: format, section."""

    what = "IPC symbol"
    example = "B01D 71/56"


def _plain(text: str) -> str:
    """Half width, upper case, without spaces."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text[: 4 * LONGEST_TEXT])).upper()


# --- Unified social credit code ---------------------------------------------------------------------------------------

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # without I, O, S, V, Z
ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # GB 11714 counts A as 10 … Z as 35
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def read_credit_code(text: str, *, strict: bool = False) -> str:
    """The code in its normal form. Both check characters are verified; python-stdnum knows only the last one.

    Unless `strict`, lower case, full width, spaces and hyphens are forgiven.
    """
    code = text if strict else re.sub(r"[-‐‑–—]", "", _plain(text))
    if code != code.upper():
        raise CreditCodeError(text, "case", code.upper()[:18])
    if len(code) != 18:
        raise CreditCodeError(text, "length", "18 characters")
    if not all(character in ALPHABET for character in code) or not code[2:8].isdigit():
        raise CreditCodeError(text, "charset", "digits and capitals without I, O, S, V, Z")
    if code[16] != organisation_check(code[8:16]):
        raise CreditCodeError(text, "organisation_check", organisation_check(code[8:16]))
    try:
        return str(uscc.validate(code))
    except ValidationError as error:
        raise CreditCodeError(text, "check", uscc.calc_check_digit(code[:17])) from error


def is_credit_code(text: str) -> bool:
    try:
        read_credit_code(text)
    except CreditCodeError:
        return False
    return True


def organisation_check(body: str) -> str:
    """Check character of the eight characters of an organisation code (GB 11714: weights, 11 minus the rest mod 11)."""
    total = sum(w * ORGANISATION_ALPHABET.index(c) for w, c in zip(ORGANISATION_WEIGHTS, body, strict=True))
    return "0123456789X0"[11 - total % 11]


def make_credit_code(seed: str, region: str = "999900") -> str:
    """A code with valid check characters for a fictional organisation; no place has the region 999900."""
    number = int.from_bytes(hashlib.sha256(f"credit code {seed}".encode()).digest()[:8])
    letters = ""
    for _ in range(6):
        number, digit = divmod(number, len(ALPHABET))
        letters += ALPHABET[digit]
    body = f"91{region}MA{letters}"
    body += organisation_check(body[8:16])
    return body + str(uscc.calc_check_digit(body))


# --- Chinese patent application numbers -------------------------------------------------------------------------------

APPLICATION = re.compile(r"(?:CN|ZL)?(?:(\d{4})(\d)(\d{7})|(\d\d)(\d)(\d{5}))[.·]?([\dX])")
KINDS = {"1": "invention", "2": "utility", "3": "design", "8": "invention", "9": "utility"}  # 8 and 9 came by PCT
KIND_DIGITS = {"invention": "1", "utility": "2", "design": "3"}
FIRST_YEAR, NEW_FORM_YEAR, LAST_YEAR = 1985, 2003, 2099


@dataclass(frozen=True)
class ApplicationNumber:
    year: int
    kind: str  # invention, utility, design
    is_pct: bool
    number: str  # "201310699744.2", old form "95115608.X"

    def __str__(self) -> str:
        return self.number


def read_application_number(text: str) -> ApplicationNumber:
    """New form (since 2003-10-01: year, kind, seven digits, check) and old form (two-digit year, five digits)."""
    found = APPLICATION.fullmatch(_plain(text).removeprefix("专利号").lstrip(":"))
    if not found:
        raise ApplicationNumberError(text, "format", "12 digits, a dot and a check character")
    year, kind = found[1] or found[4], found[2] or found[5]
    digits = year + kind + (found[3] or found[6])
    full_year = int(year) if len(year) == 4 else 1900 + int(year) + (100 if int(year) < FIRST_YEAR - 1900 else 0)
    _check_year(text, full_year, is_new=len(year) == 4)
    if kind not in KINDS:
        raise ApplicationNumberError(text, "kind", "1, 2, 3, 8 or 9")
    if found[7] != application_check(digits):
        raise ApplicationNumberError(text, "check", application_check(digits))
    return ApplicationNumber(full_year, KINDS[kind], kind in "89", f"{digits}.{found[7]}")


def _check_year(text: str, year: int, *, is_new: bool) -> None:
    first, last = (NEW_FORM_YEAR, LAST_YEAR) if is_new else (FIRST_YEAR, NEW_FORM_YEAR)
    if not first <= year <= last:
        raise ApplicationNumberError(text, "year", f"{first} to {last}")


def application_check(digits: str) -> str:
    """ZC 0006-2003: weights 2 to 9, then again from 2; sum modulo 11; ten is X."""
    return "0123456789X"[sum((2 + i % 8) * int(digit) for i, digit in enumerate(digits)) % 11]


def make_patent_number(seed: str, kind: str, year: int) -> str:
    """An application number with a valid check character for a fictional patent.

    Its serial begins with 99, beyond what a year's filings are known to have reached: it names nobody's patent.
    """
    serial = int.from_bytes(hashlib.sha256(f"patent {kind} {year} {seed}".encode()).digest()[:8])
    if year < NEW_FORM_YEAR:
        digits = f"{year % 100:02}{KIND_DIGITS[kind]}99{serial % 1000:03}"
    else:
        digits = f"{year}{KIND_DIGITS[kind]}99{serial % 100_000:05}"
    return f"{digits}.{application_check(digits)}"


# --- Publication numbers ----------------------------------------------------------------------------------------------

PUBLICATION = re.compile(r"CN(\d)(\d{8}|\d{6})([A-Z])(\d?)")  # eight digits since 2007, six before
PUBLICATION_CODES = {"1": "ABC", "2": "UY", "3": "SD"}


@dataclass(frozen=True)
class PublicationNumber:
    kind: str
    is_granted: bool
    number: str  # "CN103789457A"

    def __str__(self) -> str:
        return self.number


def read_publication_number(text: str) -> PublicationNumber:
    """CN, kind, serial and code: A application; B and C granted invention; U and Y utility; S and D design."""
    plain = _plain(text)
    found = PUBLICATION.fullmatch(plain)
    if not found:
        raise PublicationNumberError(text, "format", "CN, 9 digits and a letter")
    if found[1] not in PUBLICATION_CODES:
        raise PublicationNumberError(text, "kind", "1, 2 or 3")
    if found[3] not in PUBLICATION_CODES[found[1]]:
        raise PublicationNumberError(text, "code", " or ".join(PUBLICATION_CODES[found[1]]))
    return PublicationNumber(KINDS[found[1]], found[3] != "A", plain)


# --- IPC --------------------------------------------------------------------------------------------------------------

IPC = re.compile(r"([A-HY])(\d\d)(?:([A-Z])(?:(\d{1,4})(?:/(\d{2,6}))?)?)?")


@dataclass(frozen=True)
class IpcSymbol:
    """A class (B01), subclass (B01D), main group (B01D 71/00) or subgroup (B01D 71/56)."""

    symbol: str
    levels: tuple[str, ...]  # from the section down: "B", "B01", "B01D", "B01D 71", "B01D 71/56"

    def __str__(self) -> str:
        return self.symbol


def read_ipc(text: str, *, cpc: bool = False) -> IpcSymbol:
    """Syntax only. Groups have 1 to 4 digits and subgroups 2 to 6 (G06F 111/04, H01M 10/0525); section Y is CPC's."""
    found = IPC.fullmatch(_plain(text))
    if not found:
        raise IpcError(text, "format", "a letter A–H, two digits, a letter, group/subgroup")
    section, number, letter, group, subgroup = found.groups()
    if section == "Y" and not cpc:
        raise IpcError(text, "section", "A to H")
    levels = [section, section + number]
    if letter:
        levels.append(levels[1] + letter)
    if group:
        levels.append(f"{levels[2]} {int(group)}")
    if subgroup:
        levels.append(f"{levels[3]}/{subgroup}")
    return IpcSymbol(levels[-1], tuple(levels))
