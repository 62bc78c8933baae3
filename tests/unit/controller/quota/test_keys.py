import pytest

from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.fair_queue import Position
from gemini_operator.controller.quota.keys import ApiKeyQuota
from gemini_operator.controller.quota.throttle import Throttle
from tests.unit.controller.builders import MODEL, NOW

TURN = Position(NOW, Key("a", "job"))


@pytest.fixture
def group() -> ApiKeyQuota:
    return ApiKeyQuota("group-1")


def test_an_empty_throttle_has_no_head(group: ApiKeyQuota) -> None:
    assert group.head(Throttle()) is None
    assert group.best(0.0) is None


def test_a_throttle_is_forgotten_when_it_is_idle(group: ApiKeyQuota) -> None:
    throttle = group.throttles[MODEL] = Throttle()
    throttle.blocked_until = 10.0
    group.drop_idle(9.0)
    assert group.throttles == {MODEL: throttle}, "it is closed"
    group.add(MODEL, TURN)
    group.drop_idle(10.0)
    assert group.throttles == {MODEL: throttle}, "somebody waits"
    group.discard(MODEL, TURN)
    throttle.probe = TURN.key
    group.drop_idle(10.0)
    assert group.throttles == {MODEL: throttle}, "somebody tries"
    throttle.give_up_probe(TURN.key)
    group.drop_idle(10.0)
    assert group.throttles == {}


def test_who_waits_for_a_model_waits_with_all_others_once_it_flows(group: ApiKeyQuota) -> None:
    group.throttles[MODEL] = Throttle()
    group.throttles[MODEL].blocked_until = 10.0
    group.add(MODEL, TURN)
    assert group.best(9.0) is None
    group.reopen(MODEL)
    assert group.throttles == {}
    assert group.best(9.0) == TURN.key
