"""The same text again is found through edits; what is merely of the same field is not."""

from hypothesis import given
from hypothesis import strategies as st

from keqiao.matching.duplicates import likeness, likeness_of_versions, most_alike

NEED = (
    "我们用纳滤膜从废旧锂电池的硫酸浸出液中分离锂与镁、锰。现用商品膜纯水通量 9.6 LMH/bar，镁截留率 92%。"
    "希望分离层本身耐酸，并能在现有 1 m 幅宽涂覆线上连续生产，改造投入不超过 600 万元。"
)
EDITED = "希望分离层本身耐酸，并能在现有 1.2 m 幅宽涂覆线上连续生产，改造投入不超过 800 万元。我们用纳滤膜从废旧锂电池浸出液中分离锂与镁、锰。"
SAME_FIELD = (
    "需要一种耐酸的反渗透膜用于稀土废水回用，要求脱盐率高、寿命长，可在 pH 2 下稳定运行两年，年用量约三万平方米。"
)


def test_edits_and_another_order_leave_it_the_same_and_a_neighbour_is_not():
    assert likeness(NEED, NEED) == 1.0
    assert likeness(NEED, EDITED) > 0.5
    assert likeness(NEED, SAME_FIELD) < 0.1
    assert likeness("耐酸膜", "耐酸膜") == 0.0  # too short to say anything


def test_languages_are_compared_with_themselves():
    english = (
        "We separate lithium from magnesium in the sulphuric leachate of spent batteries with nanofiltration membranes."
    )
    assert likeness_of_versions({"zh": NEED}, {"en": english}) == 0.0
    assert likeness_of_versions({"zh": NEED, "en": english}, {"zh": SAME_FIELD, "en": english}) == 1.0
    others = [("A", {"zh": SAME_FIELD}), ("B", {"zh": EDITED}), ("C", {"zh": NEED})]
    assert [code for code, _value in most_alike({"zh": NEED}, others, 0.3)] == ["C", "B"]


@given(st.text(max_size=200), st.text(max_size=200))
def test_it_is_a_share_and_the_same_from_both_sides(one, other):
    assert 0.0 <= likeness(one, other) == likeness(other, one) <= 1.0
