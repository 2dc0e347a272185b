"""Threads beside the main one keep the order, stay within bounds, pass errors on, and end when either side does."""

import threading
import time
from collections.abc import Iterator

import pytest

from chronopose.inference.overlap import ReadAhead, WriteBehind


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


class Source:
    """Counts up to `length`, notes how far it came and in which thread, and may fail at the end."""

    def __init__(self, length: int, error: BaseException | None = None) -> None:
        self.length, self.error = length, error
        self.given = 0
        self.thread: int | None = None

    def __iter__(self) -> Iterator[int]:
        self.thread = threading.get_ident()
        for number in range(self.length):
            self.given += 1
            yield number
        if self.error is not None:
            raise self.error


def reaches(source: Source, wanted: int) -> bool:
    """Whether a source comes so far, and then no further."""
    until = time.monotonic() + 20
    while source.given < wanted and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.02)
    return source.given == wanted


# Reading ahead ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [1, 3, 100])
@pytest.mark.parametrize("length", [0, 1, 50])
def test_all_items_come_in_order_from_another_thread(length: int, ahead: int) -> None:
    source = Source(length)
    with ReadAhead(source, ahead) as items:
        assert list(items) == list(range(length))
        assert list(items) == []  # over is over
    assert source.thread not in (None, threading.get_ident())
    assert items.dropped == 0


@pytest.mark.parametrize("ahead", [1, 4])
def test_the_source_runs_ahead_so_far_and_no_further(ahead: int) -> None:
    source = Source(50)
    with ReadAhead(source, ahead) as items:
        assert reaches(source, ahead)
        assert [next(items), next(items)] == [0, 1]
        assert reaches(source, ahead + 2)


@pytest.mark.parametrize("error", [ValueError("broken"), OSError(28, "disk full"), KeyboardInterrupt()])
def test_an_error_of_the_source_comes_in_its_place(error: BaseException) -> None:
    with ReadAhead(Source(5, error), 2) as items:
        taken = []
        with pytest.raises(type(error)) as raised:
            for item in items:
                taken.append(item)  # noqa: PERF402 - what came before the error is wanted
    assert taken == [0, 1, 2, 3, 4]
    assert raised.value is error


@pytest.mark.parametrize("taken", [0, 1, 5])
@pytest.mark.parametrize("newest", [False, True])
def test_a_reader_that_is_closed_ends_its_thread_and_gives_no_more(taken: int, newest: bool) -> None:
    source = Source(10**9)
    items = ReadAhead(source, 3, newest=newest)
    for _ in range(taken):
        next(items)
    items.close()
    given = source.given
    assert list(items) == []
    items.close()
    assert source.given == given < 10**9


def test_an_exception_in_the_block_ends_the_thread() -> None:
    with pytest.raises(RuntimeError, match="mine"), ReadAhead(Source(10**9), 2):
        raise RuntimeError("mine")


def test_a_source_may_be_closed_after_its_reader() -> None:
    ended = []

    def source() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            ended.append(True)

    numbers = source()
    with ReadAhead(numbers, 2) as items:
        assert next(items) == 0
    assert not ended
    numbers.close()  # type: ignore[attr-defined]
    assert ended


# Only the newest --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_where_nobody_takes_items_the_newest_stay(ahead: int) -> None:
    source = Source(40)
    with ReadAhead(source, ahead, newest=True) as items:
        assert reaches(source, 40)
        assert list(items) == list(range(40 - ahead, 40))
        assert items.dropped == 40 - ahead


def test_every_item_is_taken_or_counted_as_dropped() -> None:
    with ReadAhead(Source(20_000), 2, newest=True) as items:
        taken = list(items)
    assert taken == sorted(set(taken))
    assert taken[-2:] == [19_998, 19_999]
    assert len(taken) + items.dropped == 20_000


def test_a_source_that_waits_for_its_reader_loses_nothing() -> None:
    allowed = threading.Semaphore(2)

    def source() -> Iterator[int]:
        for number in range(200):
            allowed.acquire()
            yield number

    taken = []
    with ReadAhead(source(), 2, newest=True) as items:
        for item in items:
            taken.append(item)
            allowed.release()
    assert taken == list(range(200)) and items.dropped == 0


# Writing behind ---------------------------------------------------------------------------------------------------


def test_all_items_are_written_in_order_by_another_thread() -> None:
    written: list[tuple[int, int]] = []
    with WriteBehind[int](lambda item: written.append((item, threading.get_ident())), 3) as behind:
        for number in range(50):
            behind.put(number)
    assert [item for item, _ in written] == list(range(50))
    assert {thread for _, thread in written}.isdisjoint({threading.get_ident()})


def test_no_more_than_so_many_items_wait() -> None:
    go, written, put = threading.Event(), list[int](), 0

    def write(item: int) -> None:
        go.wait()
        written.append(item)

    def fill() -> None:
        nonlocal put
        for number in range(20):
            behind.put(number)
            put += 1

    with WriteBehind(write, 3) as behind:
        filling = threading.Thread(target=fill)
        filling.start()
        while put < 3:
            time.sleep(0.001)
        time.sleep(0.02)
        assert put == 3 and not written
        go.set()
        filling.join()
    assert written == list(range(20))


def test_an_error_is_raised_by_a_later_put_and_nothing_is_written_after_it() -> None:
    tried = []

    def write(item: int) -> None:
        tried.append(item)
        if item == 2:
            raise OSError(28, "No space left on device")

    put = 0
    with pytest.raises(OSError, match="No space"), WriteBehind(write, 2) as behind:
        for number in range(1000):
            behind.put(number)
            put += 1
    assert tried == [0, 1, 2] and put < 1000


def test_an_error_of_the_last_item_is_raised_at_the_end() -> None:
    def write(item: int) -> None:
        raise ValueError(f"not {item}")

    with pytest.raises(ValueError, match="not 7"), WriteBehind(write, 2) as behind:
        behind.put(7)


def test_an_exception_in_the_block_drops_what_waits_and_is_the_one_raised() -> None:
    go, tried = threading.Event(), []

    def write(item: int) -> None:
        tried.append(item)
        go.wait()
        raise ValueError("of the writer")

    with pytest.raises(KeyboardInterrupt), WriteBehind(write, 3) as behind:
        for number in range(3):
            behind.put(number)
        while not tried:
            time.sleep(0.001)
        threading.Timer(0.05, go.set).start()
        raise KeyboardInterrupt
    assert tried == [0]
    time.sleep(0.01)  # the timer's own thread


@pytest.mark.parametrize("places", [0, -1])
def test_a_queue_has_room_for_one_at_least(places: int) -> None:
    with pytest.raises(ValueError, match="at least 1 place"):
        ReadAhead([1], places)
    with pytest.raises(ValueError, match="at least 1 place"):
        WriteBehind(print, places)
