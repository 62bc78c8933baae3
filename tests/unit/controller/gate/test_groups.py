import pytest

from gemini_operator.controller.gate.groups import Group
from gemini_operator.controller.gate.lanes import Turn
from gemini_operator.controller.gate.lines import Line
from gemini_operator.controller.job import Key
from tests.unit.controller.builders import MODEL, NOW

TURN = Turn(NOW, Key("a", "job"))


@pytest.fixture
def group() -> Group:
    return Group("group-1")


def test_nobody_stands_at_the_head_of_an_empty_line(group: Group) -> None:
    assert group.head(Line()) is None
    assert group.best(0.0) is None


def test_a_line_is_forgotten_when_it_says_nothing_any_more(group: Group) -> None:
    line = group.lines[MODEL] = Line()
    line.opens = 10.0
    group.drop_idle(9.0)
    assert group.lines == {MODEL: line}, "it is closed"
    group.add(MODEL, TURN)
    group.drop_idle(10.0)
    assert group.lines == {MODEL: line}, "somebody waits"
    group.discard(MODEL, TURN)
    line.probing = TURN.key
    group.drop_idle(10.0)
    assert group.lines == {MODEL: line}, "somebody tries"
    line.release(TURN.key)
    group.drop_idle(10.0)
    assert group.lines == {}


def test_who_waits_for_a_model_waits_with_all_others_once_it_flows(group: Group) -> None:
    group.lines[MODEL] = Line()
    group.lines[MODEL].opens = 10.0
    group.add(MODEL, TURN)
    assert group.best(9.0) is None
    group.reopen(MODEL)
    assert group.lines == {}
    assert group.best(9.0) == TURN.key
