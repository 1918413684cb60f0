"""What the settings make of the environment."""

from keqiao.web import settings


def test_the_hosts_of_a_cluster_reach_the_driver_as_they_are_written():
    read = settings._at(
        "postgresql://keqiao:s%40fe@/keqiao?host=db1,db2&port=5432,5433&target_session_attrs=read-write"
    )
    assert read == {
        "NAME": "keqiao",
        "USER": "keqiao",
        "PASSWORD": "s@fe",
        "HOST": "db1,db2",
        "PORT": "5432,5433",
        "OPTIONS": {"target_session_attrs": "read-write"},
    }
