"""Twenty times kill -9 of worker, web, database, rebuild, move, all pairs and Ray, while items come, change and go: nothing
lost, nothing stale, equal to a fresh rebuild. More of it, with other seeds: `python bench/kills.py --kills 200 --seed 7`.
"""

import os
import random
from pathlib import Path

import pytest

from tests.random_kills.turmoil import KINDS, turmoil

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
KILLS = 20
SEED = int(os.environ.get("KEQIAO_KILLS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


def test_after_twenty_random_kills_all_is_as_after_a_fresh_rebuild(tmp_path: Path) -> None:
    print(f"KEQIAO_KILLS_SEED={SEED}")
    with turmoil(tmp_path, SEED) as site:
        site.kill(KILLS)
        site.rest()
        site.check()
    assert site.kills.total() == KILLS
    assert set(site.kills) == set(KINDS)
