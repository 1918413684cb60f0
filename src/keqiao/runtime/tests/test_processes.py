"""Work in other processes."""

import os
import signal

import pytest

from keqiao.runtime import processes

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def refuse(number: int) -> int:
    raise ValueError(number)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_order_from_other_processes() -> None:
    found = list(processes.in_order(square, ((n,) for n in range(20)), 2))
    assert [number for number, _ in found] == [n * n for n in range(20)]
    assert os.getpid() not in {pid for _, pid in found}


def test_errors_and_losses_are_told() -> None:
    with pytest.raises(ValueError, match="3"):
        processes.alone(refuse, 3)
    with pytest.raises(ValueError, match="0"):
        list(processes.in_order(refuse, [(0,), (1,)], 2))
    with pytest.raises(processes.ProcessLost):
        processes.alone(die)
