"""Addresses of replicas."""

import pytest

from keqiao.runtime.environment import BadSetting, read_environment


def test_replicas_are_separated_by_spaces():
    one, two = "postgresql://keqiao:secret@db2.internal/keqiao", "postgresql:///keqiao?host=db3,db4&port=5432,5433"
    assert read_environment({"DATABASE_REPLICA_URL": f" {one}\n{two} "}).replica_urls == (one, two)
    assert read_environment({}).replica_urls == ()


def test_what_is_no_address_is_named_by_its_place_and_keeps_its_password():
    with pytest.raises(BadSetting, match=r"DATABASE_REPLICA_URL: address 2 is not such as postgresql://") as refused:
        read_environment({"DATABASE_REPLICA_URL": "postgresql://a/b mysql://keqiao:secret1@c/d"})
    assert "secret1" not in str(refused.value)


@pytest.mark.parametrize("seconds", ["0", "61", "five"])
def test_how_old_a_list_may_be_is_a_few_seconds(seconds):
    with pytest.raises(BadSetting, match="KEQIAO_REPLICA_LAG"):
        read_environment({"KEQIAO_REPLICA_LAG": seconds})
