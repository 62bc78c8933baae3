from collections import Counter
from datetime import timedelta

import pytest

from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.fair_queue import FairQueue, Position
from tests.unit.controller.builders import NOW

NOBODY: Counter[str] = Counter()


def position(age: int, name: str = "job", namespace: str = "a") -> Position:
    return Position(NOW + timedelta(seconds=age), Key(namespace, name))


@pytest.fixture
def lanes() -> FairQueue:
    return FairQueue()


def served(lanes: FairQueue) -> list[str]:
    """The names in order, each taken out."""
    names = []
    while (candidate := lanes.best(NOBODY)) is not None:
        names.append(candidate.position.key.name)
        lanes.discard(candidate.position)
    return names


def test_nobody_is_the_best_of_nobody(lanes: FairQueue) -> None:
    assert lanes.best(NOBODY) is None
    assert not lanes


def test_s10_jobs_that_come_and_go_behind_one_that_stays_leave_nothing_behind(
    lanes: FairQueue,
) -> None:
    lanes.add(position(0, "stays"))
    for age in range(1, 1000):
        lanes.add(position(age))
        lanes.discard(position(age))
    assert len(lanes._namespaces["a"]._heap) < 50
    assert served(lanes) == ["stays"]


def test_a_job_stands_there_once_however_often_it_comes(lanes: FairQueue) -> None:
    for _ in range(3):
        lanes.add(position(0))
    assert list(lanes) == [position(0)]
    lanes.discard(position(0))
    lanes.discard(position(0))
    assert not lanes


def test_p23_who_left_and_came_again_is_in_order(lanes: FairQueue) -> None:
    for age in (3, 1, 2):
        lanes.add(position(age, str(age)))
    lanes.discard(position(1, "1"))
    lanes.add(position(1, "1"))
    assert served(lanes) == ["1", "2", "3"]


def test_p23_the_fewest_slots_come_before_the_greatest_age(lanes: FairQueue) -> None:
    for age, namespace in enumerate("abc"):
        lanes.add(position(age, namespace, namespace))
    best = lanes.best(Counter({"a": 2, "b": 1, "c": 1}))
    assert best is not None
    assert best.position.key.name == "b"
