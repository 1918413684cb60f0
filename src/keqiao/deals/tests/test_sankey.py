"""The drawing of a flow: labels stay between their bar and the next."""

from hypothesis import given
from hypothesis import strategies as st

from keqiao.deals import sankey

NAMES = st.text(st.sampled_from("成果完成人vat 净收入ABC"), max_size=40)


@given(name=NAMES, room=st.floats(30, 200))
def test_what_is_left_of_a_name_fits(name, room):
    left = sankey.shortened(name, room)
    width = sum(sankey.WIDE_SIGN if ord(sign) > 0x2E80 else sankey.SIGN for sign in left)
    assert width <= room or len(left) <= 2
    assert left == name or (left.endswith("…") and name.startswith(left[:-1].rstrip()))
