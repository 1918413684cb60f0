"""How well are experts found? `python bench/experts.py [--data FOLDER] [--out FILE]`.

FOLDER holds `experts.jsonl.gz` ({_id, papers: [{title, abstract}]}), `queries.jsonl` ({_id, text}) and `expertise.tsv` (expert,
paper, rating from 1 to 5 that the expert gave themselves): the gold standard of Stelmakh, Wieting, Neubig and Shah (2023).

The loss is theirs: for each expert and each pair of rated papers, |difference of the ratings| when the system orders the two
wrongly and half of it when it cannot tell, over the sum of the differences. 0 is best, 0.5 is chance. Compared with the
cosine of the whole profile (the collection's baseline), by a bootstrap over experts of the same samples. Two
parameters, how much the model of all texts is mixed in and how often the title counts, are also chosen by leaving out one
expert at a time, and by five folds of experts,
drawn twenty times. And without choosing: the mean of the scores over a stretch of both.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from keqiao.experts import expertise
from keqiao.experts.expertise import Query

DATA = Path("../shared/data/en_expert_goldstandard/dev")
SMOOTHING = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
TITLES = (1, 2, 3)  # how often the title of what is asked for is read
SAMPLES, SEED = 10_000, 20_261_127
FOLDS, DRAWS = 5, 20
STRETCH = 0.9  # from this share of the model of all texts on, it hardly matters which

Scores = Mapping[tuple[str, str], float]
Losses = Mapping[str, tuple[float, float]]  # expert → (loss, the most it could be)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    report = measure(args.data)
    print(report)
    if args.out:
        args.out.write_text(report + "\n", encoding="utf-8")
    return 0


def measure(folder: Path) -> str:
    texts, titles, asked, ratings = read(folder)
    ways = [(times, mixed) for times in TITLES for mixed in SMOOTHING]
    baseline = losses(ratings, cosine(texts, asked))
    scores = {(times, mixed): model(texts, with_title(titles, asked, times), ratings, mixed) for times, mixed in ways}
    tried = {way: losses(ratings, scored) for way, scored in scores.items()}
    unchosen = losses(ratings, mean_of([scored for (_times, mixed), scored in scores.items() if mixed >= STRETCH]))
    five = folded(list(tried.values()))
    spread = f"{DRAWS} draws, {min(five):.3f} to {max(five):.3f}"
    ours, chosen = left_out(list(tried.values()))
    best_text = losses(ratings, single_text(texts, asked, max))
    mean_text = losses(ratings, single_text(texts, asked, lambda found: sum(found) / len(found)))
    mixing = [way for way in ways if way[0] == expertise.TITLE_COUNTS]
    one_chosen, which = left_out([tried[way] for way in mixing])
    kept = tried[expertise.TITLE_COUNTS, expertise.SMOOTHING]
    lines = [
        f"{len(texts)} experts, {len(asked)} papers, {len(ratings)} ratings; loss, lower is better",
        f"cosine of the whole profile (baseline)      {loss(baseline):.3f}",
        f"cosine of the nearest text                  {loss(best_text):.3f}",
        f"mean cosine of the texts                    {loss(mean_text):.3f}",
        "candidate model; across: share of the model of all texts; down: how often the title counts",
        "    " + "".join(f"{mixed:7.2f}" for mixed in SMOOTHING),
        *(f"{times:3} " + "".join(f"{loss(tried[times, mixed]):7.3f}" for mixed in SMOOTHING) for times in TITLES),
        f"candidate model as it ships ({expertise.TITLE_COUNTS}, {expertise.SMOOTHING:.2f})       {loss(kept):.4f}",
        f"the share alone chosen leaving one out      {loss(one_chosen):.4f}  ({describe(which, mixing)})",
        f"both chosen leaving one expert out          {loss(ours):.4f}  ({describe(chosen, ways)})",
        f"both chosen by {FOLDS} folds of experts            {np.mean(five):.4f}  ({spread})",
        f"mean of all with a share from {STRETCH} on         {loss(unchosen):.4f}",
        f"that less as it ships, 95 %                 {interval_text(unchosen, kept)}",
        f"as it ships less baseline, 95 %             {interval_text(kept, baseline)}",
        f"chosen leaving one out less baseline, 95 %  {interval_text(ours, baseline)}",
    ]
    return "\n".join(lines)


def describe(chosen: Counter[int], ways: Sequence[tuple[int, float]]) -> str:
    return ", ".join(f"{ways[n]} {count} times" for n, count in chosen.most_common())


def interval_text(ours: Losses, other: Losses) -> str:
    low, high = interval(ours, other)
    return f"{loss(ours) - loss(other):+.3f} ({low:+.3f} to {high:+.3f})"


def with_title(titles: Mapping[str, str], asked: Mapping[str, str], times: int) -> dict[str, str]:
    return {paper: f"{titles[paper]}. " * (times - 1) + text for paper, text in asked.items()}


def read(
    folder: Path,
) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str], list[tuple[str, str, float]]]:
    with gzip.open(folder / "experts.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = {
            row["_id"]: [f"{paper['title'] or ''}. {paper['abstract'] or ''}" for paper in row["papers"]]
            for row in map(json.loads, file)
        }
    with (folder / "queries.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    asked = {row["_id"]: row["text"] for row in rows}  # begins with the title
    titles = {row["_id"]: row["metadata"]["title"] for row in rows}
    ratings = []
    for line in (folder / "expertise.tsv").read_text(encoding="utf-8").splitlines():
        expert, paper, rating = line.split("\t")
        if expert in texts:
            ratings.append((expert, paper, float(rating)))
    return texts, titles, asked, ratings


# --- systems ----------------------------------------------------------------------------------------------------------


def model(
    texts: Mapping[str, Sequence[str]],
    asked: Mapping[str, str],
    ratings: Iterable[tuple[str, str, float]],
    mixed: float,
) -> Scores:
    """As the platform scores, with another share of the model of all texts."""
    models = {expert: expertise.model_of([expertise.words(text) for text in own]) for expert, own in texts.items()}
    counts: Counter[str] = Counter()
    for one in models.values():
        counts.update(one.counts)
    size = counts.total()
    queries = {}
    for paper, text in asked.items():
        query = Query.of(expertise.words(text), counts, size)
        odds = {token: value * ((1 - mixed) / mixed) / expertise.ODDS for token, value in query.odds.items()}
        queries[paper] = Query(query.weights, odds)
    return {(expert, paper): queries[paper].score(models[expert].shares) for expert, paper, _rating in ratings}


def vectors(texts: Sequence[str], idf: Mapping[str, float]) -> list[dict[str, float]]:
    found = []
    for text in texts:
        weights = {token: (1 + math.log(count)) * idf[token] for token, count in expertise.words(text).items()}
        length = math.sqrt(sum(value * value for value in weights.values())) or 1.0
        found.append({token: value / length for token, value in weights.items()})
    return found


def rarity(all_texts: Sequence[str]) -> dict[str, float]:
    found: Counter[str] = Counter()
    for text in all_texts:
        found.update(set(expertise.words(text)))
    return {token: math.log((len(all_texts) + 1) / (count + 0.5)) for token, count in found.items()}


def dot(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(value * other[token] for token, value in one.items() if token in other)


def cosine(texts: Mapping[str, Sequence[str]], asked: Mapping[str, str]) -> Scores:
    """Of all of an expert's texts as one."""
    idf = rarity([*(text for own in texts.values() for text in own), *asked.values()])
    whole = dict(zip(texts, vectors([" ".join(own) for own in texts.values()], idf), strict=True))
    papers = dict(zip(asked, vectors(list(asked.values()), idf), strict=True))
    return {(expert, paper): dot(papers[paper], whole[expert]) for expert in texts for paper in asked}


def single_text(
    texts: Mapping[str, Sequence[str]], asked: Mapping[str, str], together: Callable[[list[float]], float]
) -> Scores:
    """Each text by itself, then together."""
    idf = rarity([*(text for own in texts.values() for text in own), *asked.values()])
    each = {expert: vectors(own, idf) for expert, own in texts.items()}
    papers = dict(zip(asked, vectors(list(asked.values()), idf), strict=True))
    return {
        (expert, paper): together([dot(papers[paper], one) for one in each[expert]])
        for expert in texts
        for paper in asked
    }


# --- measuring --------------------------------------------------------------------------------------------------------


def losses(ratings: Iterable[tuple[str, str, float]], scores: Scores) -> Losses:
    rated: dict[str, list[tuple[float, float]]] = {}
    for expert, paper, rating in ratings:
        rated.setdefault(expert, []).append((rating, scores[expert, paper]))
    found = {}
    for expert, rows in rated.items():
        lost = most = 0.0
        for n, (rating, score) in enumerate(rows):
            for other_rating, other_score in rows[:n]:
                apart, order = rating - other_rating, score - other_score
                most += abs(apart)
                lost += abs(apart) * (0.5 if order == 0 else float(apart * order < 0))
        found[expert] = (lost, most)
    return found


def loss(found: Losses) -> float:
    return sum(lost for lost, _most in found.values()) / sum(most for _lost, most in found.values())


def left_out(tried: Sequence[Losses]) -> tuple[Losses, Counter[int]]:
    """Each expert by what is best for all the others."""
    found, chosen = {}, Counter()
    for expert in tried[0]:
        others = [loss({one: row for one, row in each.items() if one != expert}) for each in tried]
        best = others.index(min(others))
        chosen[best] += 1
        found[expert] = tried[best][expert]
    return found, chosen


def folded(tried: Sequence[Losses]) -> list[float]:
    """The loss of each draw: every fifth of the experts by what is best for the other four."""
    found = []
    for draw in range(DRAWS):
        experts = sorted(tried[0])
        random.Random(draw).shuffle(experts)
        rows: dict[str, tuple[float, float]] = {}
        for first in range(FOLDS):
            out = set(experts[first::FOLDS])
            best = min(tried, key=lambda each: loss({one: row for one, row in each.items() if one not in out}))
            rows |= {one: best[one] for one in out}
        found.append(loss(rows))
    return found


def mean_of(several: Sequence[Scores]) -> Scores:
    """Each on the scale of its own mean."""
    scales = [sum(each.values()) / len(each) or 1.0 for each in several]
    return {pair: sum(each[pair] / scale for each, scale in zip(several, scales, strict=True)) for pair in several[0]}


def interval(ours: Losses, other: Losses) -> tuple[float, float]:
    """95 % of the difference of the losses, over experts drawn again."""
    names = sorted(ours)
    random = np.random.default_rng(SEED)
    mine, theirs = (np.array([found[name] for name in names]) for found in (ours, other))
    drawn = random.integers(0, len(names), (SAMPLES, len(names)))
    apart = [
        (m[:, 0].sum() / m[:, 1].sum()) - (t[:, 0].sum() / t[:, 1].sum())
        for m, t in ((mine[d], theirs[d]) for d in drawn)
    ]
    low, high = np.percentile(apart, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    sys.exit(main())
