"""A need in one language and achievements in the other: the stone, its words and its passage."""

from __future__ import annotations

import pytest

from keqiao.matching import indexing, scoring
from keqiao.matching.dense import train
from keqiao.matching.known import as_known
from keqiao.matching.retrieval import document_tokens
from keqiao.matching.technology import technology_finding
from keqiao.matching.types import AchievementFacts, NeedFacts

MEMBRANE = (
    "Fouling-resistant membrane for desalination. The membrane system keeps its permeability in sea water. "
    "The data were collected in a pilot plant."
)
GEARBOX = "A gearbox system for wind turbines. Bearings with low noise and a long life."
NEED = "海水淡化用耐污染的反渗透膜，要求膜的渗透性高。"
OTHERS = ["风力发电机的齿轮箱，噪声低。", "锂电池的固态电解质。", "海水淡化在沿海地区的应用。", "data of a system"]


@pytest.fixture
def model(monkeypatch):
    made = train([document_tokens("", text) for text in (MEMBRANE, GEARBOX, NEED, *OTHERS)] * 2, dims=6)
    monkeypatch.setattr(indexing, "model", lambda: made)
    return made


def known(text, lang, model):
    return as_known(AchievementFacts("R", "", text, lang=lang), 1, model)


def need(text, lang):
    return scoring.Scorer(NeedFacts("N", "", text, lang=lang))


def test_a_chinese_need_fits_the_english_achievement_that_answers_it(model):
    scorer = need(NEED, "zh")
    near, far = (scorer.technology(known(text, "en", model)) for text in (MEMBRANE, GEARBOX))
    assert near.fit > 2 * far.fit
    assert {"膜 ↔ membrane", "淡化 ↔ desalination", "海水 ↔ sea water"} & set(near.translated)
    assert any("membrane" in one.achievement.text for one in near.citations)
    marked = [one.need.text[a:b] for one in near.citations for a, b in one.need.marks]
    assert "膜" in "".join(marked)


def test_an_english_need_fits_the_chinese_achievement(model):
    near, far = (need(MEMBRANE, "en").technology(known(text, "zh", model)) for text in (NEED, OTHERS[1]))
    assert near.fit > 2 * far.fit
    assert "membrane ↔ 膜" in near.translated


def test_in_one_language_nothing_is_translated(model):
    scorer = need(NEED, "zh")
    assert scorer.technology(known(OTHERS[2], "zh", model)).translated == ()
    assert scorer.translated is None


def test_the_reasons_say_which_words_answer_which(model):
    finding = technology_finding(need(NEED, "zh").technology(known(MEMBRANE, "en", model)))
    assert "膜 ↔ membrane" in finding.offered
    assert "膜 ↔ membrane" in finding.offered_en
    assert finding.evidence in MEMBRANE


def test_a_need_without_known_terms_has_no_translation(model):
    fit = need("β-Ga₂O₃", "zh").technology(known(MEMBRANE, "en", model))
    assert (fit.translated, fit.fit < 0.2) == ((), True)
