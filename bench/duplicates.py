"""How well likeness tells "the same again" from its neighbours: `BENCH_DATA=FOLDER python bench/duplicates.py`.

English: topics of SBIR solicitations (DoD and NASA). Same: a title that came out again in another year, its text rewritten or
not. Not the same: the nearest other title of the same agency and year. Chinese: needs and results of the demo collection,
each against a copy with seeded edits (sentences dropped, put in another order, figures and words changed); not the same: its
nearest neighbours. Nearest is by cosine of idf-weighted words, as an index would give them.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from math import log, sqrt
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from keqiao.matching.duplicates import likeness
from keqiao.matching.text import tokens

DATA = Path(os.environ.get("BENCH_DATA", ""))
LEVELS = (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
CHOSEN = 0.3
random.seed(20261127)


class Near:
    """The nearest other texts of a small collection."""

    def __init__(self, texts: list[str]) -> None:
        counts = [Counter(tokens(text)) for text in texts]
        spread = Counter(word for row in counts for word in row)
        self.rows, self.lists = [], defaultdict(list)
        for number, row in enumerate(counts):
            weights = {
                w: (1 + log(n)) * log(len(texts) / spread[w]) for w, n in row.items() if spread[w] < len(texts) / 10
            }
            length = sqrt(sum(v * v for v in weights.values())) or 1.0
            self.rows.append({w: v / length for w, v in weights.items()})
            for word, value in self.rows[-1].items():
                self.lists[word].append((number, value))

    def of(self, number: int, count: int) -> list[int]:
        found: Counter[int] = Counter()
        for word, value in self.rows[number].items():
            for other, weight in self.lists[word]:
                found[other] += value * weight  # type: ignore[assignment]
        return [other for other, _value in found.most_common(count + 1) if other != number][:count]


def english() -> tuple[list[float], list[float]]:
    rows = [row for row in _topics() if len(row["text"]) > 300]
    by_title = defaultdict(list)
    for number, row in enumerate(rows):
        by_title[_plain(row["title"])].append(number)
    groups = [group for title, group in by_title.items() if 1 < len(group) <= 3 and "open call" not in title]
    same = [(a, b) for group in groups for n, a in enumerate(group) for b in group[n + 1 :]]
    near = Near([row["text"] for row in rows])
    other = set()
    for number in random.sample(range(len(rows)), 1_000):
        mine = rows[number]
        alike = [
            each
            for each in near.of(number, 30)
            if (rows[each]["agency"], rows[each]["year"]) == (mine["agency"], mine["year"])
            and _plain(rows[each]["title"]) != _plain(mine["title"])
        ]
        other |= {(min(number, each), max(number, each)) for each in alike[:2]}
    value = lambda pair: likeness(rows[pair[0]]["text"], rows[pair[1]]["text"])  # noqa: E731 -- twice, two lines below
    return [value(pair) for pair in same], [value(pair) for pair in sorted(other)]


def _topics() -> Iterator[dict[str, str]]:
    for name in ("topics_civil", "topics_dod_2008plus"):
        with gzip.open(DATA / "en_sbir_topics" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                if re.search("efense|eronautics", str(row["agency"])) or row["agency"] in {"DOD", "NASA"}:
                    yield row


def _plain(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", title.lower()).strip()


def chinese() -> tuple[list[float], list[float]]:
    texts = [text for name in ("needs", "results") for text in _chinese_texts(name)]
    near = Near(texts)
    same = [likeness(text, edited(text, texts)) for text in texts]
    other = [likeness(texts[n], texts[each]) for n in range(len(texts)) for each in near.of(n, 2)]
    return same, other


def _chinese_texts(name: str) -> Iterator[str]:
    with (DATA / "demo" / f"{name}.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            found = [v for key, v in row.items() if isinstance(v, str) and key not in {"_id", "url"}]
            text = max((t for t in found if len(re.findall(r"[一-鿿]", t)) > 60), key=len, default="")
            if text:
                yield text


def edited(text: str, texts: list[str]) -> str:
    """A third of the sentences goes, the rest is put in another order, figures and a tenth of the characters change."""
    sentences = [one for one in re.split(r"(?<=[。；;.!?！？])", text) if one.strip()]
    kept = [one for one in sentences if random.random() > 0.33] or sentences[:1]
    random.shuffle(kept)
    said = re.sub(r"\d+", lambda _m: str(random.randint(2, 999)), "".join(kept))
    other = random.choice(texts)
    return "".join(random.choice(other) if random.random() < 0.1 else letter for letter in said)


def main() -> int:
    if not (DATA / "en_sbir_topics").exists():
        print("no collections: BENCH_DATA=FOLDER python bench/duplicates.py")
        return 1
    print("| sample | same | not the same | level | precision | recall |\n|---|--:|--:|--:|--:|--:|")
    for name, (same, other) in (("en, topics issued again", english()), ("zh, seeded copies", chinese())):
        for level in LEVELS:
            right, wrong = sum(v >= level for v in same), sum(v >= level for v in other)
            mark = "**" if level == CHOSEN else ""
            precision, recall = right / max(1, right + wrong), right / len(same)
            print(f"| {name} | {len(same)} | {len(other)} | {mark}{level}{mark} | {precision:.2f} | {recall:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
