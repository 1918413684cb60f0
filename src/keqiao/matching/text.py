"""Tokens for lexical search: one function for Chinese, English and text that mixes them.

Language is decided per run of characters, so a Chinese title with an English material name needs no flag:

- a run of Han, kana or hangul gives its single characters and its overlapping pairs: 膜分离 → 膜 分 离 膜分 分离;
- any other run of letters and digits gives one lower-cased word, stemmed when it is plain English.

Chinese pairs with characters did better than dictionary words on three of four test collections and nearly as well on
the fourth (docs/why/matching.md); they need no dictionary and cannot drift apart between two versions of one. Tokens
hold only letters, digits and PAIR: no white space, so the `whitespace` tokenizer of the index gives back what went in.
"""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from importlib.resources import files
from operator import add

import numpy as np
import Stemmer

LONGEST = 64  # characters of one token; longer ones are cut (file names, base64, repeated letters)

# Words that join others and carry nothing alone, in texts about research too ("used", "based").
STOP_WORDS = frozenset(
    "a about above after again al all also am an and any are as at based be because been before being below "  # noqa: SIM905 -- a list of strings reads worse
    "between both but by can could did do does doing down during each et few for from further had has have having "
    "he her here hers him his how i if in into is it its itself just may me might more most must my no nor not "
    "now of off on once only or other our out over own per same shall she should so some such than that the their "
    "then there these they this to too under until up upon us use used using very via was we were what when where "
    "which while who whom why will with would you your".split(),
)
PAIR = "_"  # stands between the words of a pair; no other token has it

_CJK = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han and its extensions
    "\u3005-\u3007\u3040-\u309f\u30a0-\u30ff"  # 々〇 and kana
    "\uac00-\ud7af"  # hangul
)
_RUN = re.compile(f"(?P<cjk>[{_CJK}]+)|(?P<latin>[a-z0-9]+)|(?P<other>[^\\W_a-z0-9{_CJK}]+)")
_CJK_CHARACTER = re.compile(f"[{_CJK}]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Zero-width characters, bidi controls and the soft hyphen stand inside words and mean nothing to search.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_ACCENT = re.compile("[\u0300-\u036f]")

_local = threading.local()


def tokens(text: str) -> list[str]:
    """The index tokens of a text, in reading order, with repetitions. Never raises, whatever the characters."""
    return tokens_of(runs(text))


def tokens_of(found_runs: Iterable[tuple[str, str]]) -> list[str]:
    found: list[str] = []
    for kind, run in found_runs:
        if kind == "cjk":
            found += cjk_tokens(run)
        elif run not in STOP_WORDS:
            found.append(word_token(run))
    return found


def index_tokens(text: str) -> list[str]:
    """`tokens`, and after each word that follows another one the two as a pair: solar cells → solar cell solar_cell.

    Pairs reach over stop words (state of charge → state_charg) but not over Chinese, which has pairs of its own.
    """
    found: list[str] = []
    last = ""
    for cjk, latin, other in _RUN.findall(normalise(text)):
        if cjk:
            found += cjk_tokens(cjk)
            last = ""
        elif latin not in STOP_WORDS:
            word = word_token(latin or other)
            found.append(word)
            if last:
                found.append(last + PAIR + word)
            last = word
    return found


def runs(text: str) -> Iterator[tuple[str, str]]:
    """The runs of one script in a text, normalised: ("cjk" | "latin" | "other", characters)."""
    for cjk, latin, other in _RUN.findall(normalise(text)):
        yield ("cjk", cjk) if cjk else ("latin", latin) if latin else ("other", other)


@lru_cache(maxsize=512)  # two passages are cut to see what both say, and cut again to mark it
def passage_runs(text: str) -> tuple[tuple[str, str], ...]:
    """The same of a sentence, kept for a while."""
    return tuple(runs(text))


def cjk_tokens(run: str) -> list[str]:
    """The characters of a run, then its overlapping pairs."""
    return [*run, *map(add, run, run[1:])]


def is_cjk_character(token: str) -> bool:
    return _CJK_CHARACTER.fullmatch(token) is not None


def is_cjk(token: str) -> bool:
    return _CJK_CHARACTER.match(token) is not None


@lru_cache(maxsize=1 << 14)  # about 4 MB
def word_token(word: str) -> str:
    """A lower-case word as it is kept in the index."""
    return str(_stemmer().stemWord(word[:LONGEST]))


@lru_cache(maxsize=1 << 15)  # about 7 MB: nine of ten tokens of a text were met lately
def fingerprint(token: str) -> int:
    """64 bits that stand for a token in files, the same in every process (two of a million tokens collide 1 in 10⁷)."""
    return int.from_bytes(hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def fingerprints(tokens: Sequence[str]) -> np.ndarray:
    """uint64[len(tokens)]: `fingerprint` of many tokens that were hardly met lately."""
    new = partial(hashlib.blake2b, digest_size=8)
    digests = b"".join([new(token.encode("utf-8", "replace")).digest() for token in tokens])
    return np.frombuffer(digests, dtype="<u8")


def normalise(text: str) -> str:
    """Compatibility forms unified (full width, ligatures, H₂O → H2O), case folded, accents and invisible signs gone,
    traditional characters as simplified ones (character by character: 脫鹽 → 脱盐), so that either finds the other.
    """
    if text.isascii():
        return text.lower()
    text = _INVISIBLE.sub("", _LONE_SURROGATE.sub(" ", text))
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    text = _ACCENT.sub("", decomposed)
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    # Most texts have no traditional characters, and looking for them is ten times cheaper than translating.
    return text.translate(simplified()) if _traditional().search(text) or _BEYOND_BMP.search(text) else text


@cache
def simplified() -> dict[int, str]:
    """Traditional character → its first simplified form, from OpenCC's table."""
    table = files("opencc").joinpath("dictionary", "TSCharacters.txt").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if "\t" in line)
    # Single characters only, so that places in the text stay what they are.
    return {ord(old): new.split()[0] for old, new in rows if len(old) == len(new.split()[0]) == 1}


@cache
def _traditional() -> re.Pattern[str]:
    """Those of the BMP: a set with others would be looked through one by one."""
    return re.compile(f"[{''.join(chr(code) for code in simplified() if code <= 0xFFFF)}]")


def _stemmer() -> Stemmer.Stemmer:
    """One stemmer a thread: its cache is not safe to share."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english", 0)  # no cache of its own
    return _local.stemmer
