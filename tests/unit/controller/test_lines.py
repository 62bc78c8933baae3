from datetime import timedelta

import pytest

from gemini_operator.controller.groups import Group
from gemini_operator.controller.job import Key
from gemini_operator.controller.lines import Line, Turn
from tests.unit.controller.builders import NOW


def turn(age: int, name: str = "job", namespace: str = "a") -> Turn:
    return Turn(NOW + timedelta(seconds=age), Key(namespace, name))


@pytest.fixture
def group() -> Group:
    return Group("group-1")


def test_nobody_stands_at_the_head_of_an_empty_line(group: Group) -> None:
    assert group.head(Line()) is None


def test_s10_jobs_that_come_and_go_behind_one_that_stays_leave_nothing_behind(
    group: Group,
) -> None:
    line = group.line("model")
    line.add(turn(0, "stays"))
    for age in range(1, 1000):
        line.add(turn(age))
        line.discard(turn(age))
    assert group.head(line) == Key("a", "stays")
    assert len(line._namespaces["a"]._heap) < 50


def test_a_job_stands_in_line_once_however_often_it_comes(group: Group) -> None:
    line = group.line("model")
    for _ in range(3):
        line.add(turn(0))
    line.discard(turn(0))
    assert group.head(line) is None
    assert line.idle(0.0)


def test_a_line_that_was_left_and_joined_again_is_in_order(group: Group) -> None:
    line = group.line("model")
    for age in (3, 1, 2):
        line.add(turn(age, str(age)))
    line.discard(turn(1, "1"))
    line.add(turn(1, "1"))
    served = []
    while (head := group.head(line)) is not None:
        served.append(head.name)
        line.discard(turn(int(head.name), head.name))
    assert served == ["1", "2", "3"]


def test_a_line_is_forgotten_when_it_says_nothing_any_more(group: Group) -> None:
    line = group.line("model")
    line.add(turn(0))
    group.drop_idle("model", 0.0)
    assert group.lines == {"model": line}
    line.discard(turn(0))
    group.drop_idle("model", 0.0)
    group.drop_idle("another", 0.0)
    assert group.lines == {}
