"""Stages add up by name, from several threads and through errors, and cost nothing where nobody measures."""

import threading
import time

import pytest

from chronopose.inference.stages import Stages, each, unmeasured


def test_seconds_add_up_by_name_whatever_the_thread() -> None:
    stages = Stages()

    def work() -> None:
        for _ in range(3):
            with stages.measure("sleep"):
                time.sleep(0.01)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with stages.measure("nothing"):
        pass
    assert list(stages.seconds) == ["sleep", "nothing"]
    assert stages.seconds["sleep"] >= 0.06 and stages.seconds["nothing"] < 0.06


def test_a_stage_that_fails_is_counted_and_fails() -> None:
    stages = Stages()
    with pytest.raises(ValueError, match="mine"), stages.measure("bad"):
        raise ValueError("mine")
    assert stages.seconds["bad"] >= 0


def test_each_counts_the_fetching_and_not_the_use() -> None:
    stages = Stages()

    def slow() -> object:
        for number in range(3):
            time.sleep(0.01)
            yield number

    taken, began = [], time.perf_counter()
    for number in each(slow(), "fetch", stages.measure):  # type: ignore[arg-type]
        time.sleep(0.02)
        taken.append(number)
    assert taken == [0, 1, 2]
    assert 0.03 <= stages.seconds["fetch"] <= time.perf_counter() - began - 0.06


def test_unmeasured_stages_may_stand_inside_each_other() -> None:
    with unmeasured("one"), unmeasured("other"):
        pass
    assert list(each("ab", "letters", unmeasured)) == ["a", "b"]
