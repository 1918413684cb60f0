import pytest

from keqiao.deals.examples import read_examples
from keqiao.deals.rulebook import rules_that_ship
from keqiao.deals.tax import least_patent_bonus
from keqiao.deals.types import Mode, Rulebook
from keqiao.kernel.errors import BadInput

RULES = rules_that_ship()
READ = read_examples()
EXAMPLES, TAXES, BONUSES = READ.deals, READ.taxes, READ.bonuses


class Watched(Rulebook):
    """Remembers which rules were asked for."""

    def __init__(self, rules):
        super().__init__(rules)
        self.asked = set()

    def seek(self, key, on, jurisdiction):
        rule = super().seek(key, on, jurisdiction)
        if rule:
            self.asked.add(rule.basis)
        return rule


def cited(sheet):
    return {basis for line in sheet.lines for basis in line.bases} | set(sheet.facts)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.title)
def test_worked_example_comes_out_as_by_hand(example):
    if example.refused:
        with pytest.raises(BadInput) as refusal:
            list(example.sheets(RULES))
        assert refusal.value.field == example.refused
        assert all(article in str(refusal.value) for article in example.articles)
        return
    sheets = list(example.sheets(RULES))
    given = [{payee: amount for payee, amount in sheet.totals().items() if amount} for sheet in sheets]
    assert given == list(example.gives)
    assert [sum(line.amount for line in sheet.leaves) for sheet in sheets] == [sheet.gross for sheet in sheets]
    assert all(line.bases for sheet in sheets for line in sheet.lines)
    articles = {basis.article for sheet in sheets for basis in cited(sheet)}
    assert set(example.articles) <= articles


@pytest.mark.parametrize("example", TAXES, ids=lambda e: e.title)
def test_worked_tax_comes_out_as_by_hand(example):
    if example.refused:
        with pytest.raises(BadInput) as refusal:
            example.estimate(RULES)
        assert refusal.value.field == example.refused
        return
    estimate = example.estimate(RULES)
    assert (estimate.tax, estimate.why_not or "") == (example.gives, example.why_not)


@pytest.mark.parametrize("bonus", BONUSES, ids=lambda b: b.title)
def test_least_bonus_for_a_patent(bonus):
    amount, basis = least_patent_bonus(bonus.kind, RULES, granted_on=bonus.granted_on)
    assert (amount, (basis.article,)) == (bonus.gives, bonus.articles)


def test_every_rule_that_divides_money_is_used_by_an_example():
    used = set()
    for example in EXAMPLES:
        watched = Watched(RULES)
        try:
            used |= {basis for sheet in example.sheets(watched) for basis in cited(sheet)}
        except BadInput as refusal:
            used |= {basis for basis in watched.asked if basis.instrument in str(refusal)}
    used |= {basis for tax in TAXES if not tax.refused for line in tax.estimate(RULES).lines for basis in line.bases}
    used |= {least_patent_bonus(bonus.kind, RULES, granted_on=bonus.granted_on)[1] for bonus in BONUSES}
    assert [f"{rule.key}@{rule.jurisdiction} {rule.first_on}" for rule in RULES if rule.basis not in used] == []


def test_examples_cover_every_mode_and_jurisdiction():
    assert len(EXAMPLES) >= 30
    assert {example.terms.mode for example in EXAMPLES} == set(Mode)
    places = {owner.jurisdiction for example in EXAMPLES for owner in example.terms.owners}
    assert places == {"CN", "CN-SH", "CN-ZJ", "CN-BJ"}
