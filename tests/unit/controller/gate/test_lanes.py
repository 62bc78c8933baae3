from collections import Counter
from datetime import timedelta

import pytest

from gemini_operator.controller.gate.lanes import Lanes, Turn
from gemini_operator.controller.job import Key
from tests.unit.controller.builders import NOW

NOBODY: Counter[str] = Counter()


def turn(age: int, name: str = "job", namespace: str = "a") -> Turn:
    return Turn(NOW + timedelta(seconds=age), Key(namespace, name))


@pytest.fixture
def lanes() -> Lanes:
    return Lanes()


def served(lanes: Lanes) -> list[str]:
    """The names in order, each taken out."""
    names = []
    while (claim := lanes.best(NOBODY)) is not None:
        names.append(claim.turn.key.name)
        lanes.discard(claim.turn)
    return names


def test_nobody_is_the_best_of_nobody(lanes: Lanes) -> None:
    assert lanes.best(NOBODY) is None
    assert not lanes


def test_s10_jobs_that_come_and_go_behind_one_that_stays_leave_nothing_behind(
    lanes: Lanes,
) -> None:
    lanes.add(turn(0, "stays"))
    for age in range(1, 1000):
        lanes.add(turn(age))
        lanes.discard(turn(age))
    assert len(lanes._namespaces["a"]._heap) < 50
    assert served(lanes) == ["stays"]


def test_a_job_stands_there_once_however_often_it_comes(lanes: Lanes) -> None:
    for _ in range(3):
        lanes.add(turn(0))
    assert list(lanes) == [turn(0)]
    lanes.discard(turn(0))
    lanes.discard(turn(0))
    assert not lanes


def test_p23_who_left_and_came_again_is_in_order(lanes: Lanes) -> None:
    for age in (3, 1, 2):
        lanes.add(turn(age, str(age)))
    lanes.discard(turn(1, "1"))
    lanes.add(turn(1, "1"))
    assert served(lanes) == ["1", "2", "3"]


def test_p23_the_fewest_places_come_before_the_greatest_age(lanes: Lanes) -> None:
    for age, namespace in enumerate("abc"):
        lanes.add(turn(age, namespace, namespace))
    best = lanes.best(Counter({"a": 2, "b": 1, "c": 1}))
    assert best is not None
    assert best.turn.key.name == "b"
