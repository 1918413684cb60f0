"""Pages are made a few at a time, in the order of coming; nobody waits for ever."""

import threading
import time
from contextlib import suppress

from django.http import HttpResponse
from django.test import RequestFactory

from keqiao.web import turns


def wait_until(is_so):
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.001)


def started(work, *given):
    thread = threading.Thread(target=work, args=given)
    thread.start()
    return thread


def test_never_more_than_so_many_and_first_come_first_served():
    few, inside, order, most = turns.Turns(2, 30), [], [], []
    go_on = threading.Event()

    def page(number):
        with few.one():
            inside.append(number)
            order.append(number)
            most.append(len(inside))
            go_on.wait(10)
            inside.remove(number)

    threads = []
    for number in range(6):
        threads.append(started(page, number))
        wait_until(lambda: len(order) + len(few._waiting) == len(threads))
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(order[:2]) == [0, 1]
    assert sorted(order) == list(range(6))
    assert max(most) == 2
    assert few._free == 2


def test_a_turn_goes_to_who_waits_longest():
    one, order = turns.Turns(1, 30), []

    def page(number):
        with one.one():
            order.append(number)

    with one.one():
        threads = []
        for number in range(5):
            threads.append(started(page, number))
            wait_until(lambda: len(one._waiting) == len(threads))
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_who_waited_long_goes_on_and_leaves_the_turns_as_they_were():
    one = turns.Turns(1, 0.01)
    with one.one():
        with one.one():
            assert (one._free, len(one._waiting)) == (0, 0)
        assert one._free == 0
    assert one._free == 1


def test_a_page_that_fails_gives_its_turn_back():
    one = turns.Turns(1, 0.01)
    with suppress(ZeroDivisionError), one.one():
        print(1 / one._free)
    assert one._free == 1


def test_many_threads_leave_all_turns_behind():
    few = turns.Turns(3, 0.0005)

    def visit():
        for _ in range(200):
            with few.one():
                time.sleep(0)

    threads = [started(visit) for _ in range(8)]
    for thread in threads:
        thread.join()
    assert (few._free, len(few._waiting)) == (3, 0)


def test_only_what_is_read_waits(monkeypatch):
    monkeypatch.setattr(turns, "turns", turns.Turns(1, 30))
    free = []
    page = turns.ByTurns(lambda _request: free.append(turns.turns._free) or HttpResponse())
    ask = RequestFactory()
    for request in (ask.get("/search"), ask.head("/search"), ask.post("/search"), ask.get("/healthz")):
        page(request)
    assert free == [0, 0, 1, 1]
    assert turns.turns._free == 1
