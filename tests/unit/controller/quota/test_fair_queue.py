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
def fair_queue() -> FairQueue:
    return FairQueue()


def served(fair_queue: FairQueue) -> list[str]:
    """The names in order, each taken out."""
    names = []
    while (candidate := fair_queue.best(NOBODY)) is not None:
        names.append(candidate.position.key.name)
        fair_queue.discard(candidate.position)
    return names


def test_nobody_is_the_best_of_nobody(fair_queue: FairQueue) -> None:
    assert fair_queue.best(NOBODY) is None
    assert not fair_queue


def test_s10_jobs_that_come_and_go_behind_one_that_stays_leave_nothing_behind(
    fair_queue: FairQueue,
) -> None:
    fair_queue.add(position(0, "stays"))
    for age in range(1, 1000):
        fair_queue.add(position(age))
        fair_queue.discard(position(age))
    assert len(fair_queue._namespaces["a"]._heap) < 50
    assert served(fair_queue) == ["stays"]


def test_a_job_stands_there_once_however_often_it_comes(fair_queue: FairQueue) -> None:
    for _ in range(3):
        fair_queue.add(position(0))
    assert list(fair_queue) == [position(0)]
    fair_queue.discard(position(0))
    fair_queue.discard(position(0))
    assert not fair_queue


def test_p23_who_left_and_came_again_is_in_order(fair_queue: FairQueue) -> None:
    for age in (3, 1, 2):
        fair_queue.add(position(age, str(age)))
    fair_queue.discard(position(1, "1"))
    fair_queue.add(position(1, "1"))
    assert served(fair_queue) == ["1", "2", "3"]


def test_p23_the_fewest_slots_come_before_the_greatest_age(fair_queue: FairQueue) -> None:
    for age, namespace in enumerate("abc"):
        fair_queue.add(position(age, namespace, namespace))
    best = fair_queue.best(Counter({"a": 2, "b": 1, "c": 1}))
    assert best is not None
    assert best.position.key.name == "b"
