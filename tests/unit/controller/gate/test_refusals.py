import random

import pytest

from gemini_operator.controller.gate.backoff import BASE, CAP, Backoff
from gemini_operator.controller.gate.refusals import Refusals
from tests.unit.controller.clocks import ManualClock

GROUP = "group-1"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def refusals(clock: ManualClock) -> Refusals:
    return Refusals(clock, Backoff(random.Random(0)))


def test_p10_a_refused_key_is_not_tried_until_its_back_off_ends(
    clock: ManualClock, refusals: Refusals
) -> None:
    refusals.add(GROUP, "API key not valid")
    refusal = refusals.of(GROUP)
    assert refusal is not None
    assert refusal.message == "API key not valid"
    assert refusals.of("group-2") is None
    clock.advance(BASE)
    assert refusals.of(GROUP) is None


@pytest.mark.parametrize("tidied", [True, False])
def test_p10_a_key_refused_again_and_again_waits_longer_up_to_a_cap(
    clock: ManualClock, refusals: Refusals, tidied: bool
) -> None:
    waits = []
    for _ in range(12):
        refusals.add(GROUP, "no")
        refusal = refusals.of(GROUP)
        assert refusal is not None
        waits.append(refusal.until - clock.monotonic())
        clock.advance(waits[-1])
        if tidied:
            refusals.tidy()
    assert BASE / 2 <= waits[0] <= BASE
    assert all(CAP / 2 <= wait <= CAP for wait in waits[-4:])


def test_p10_a_key_that_is_accepted_is_trusted_again(refusals: Refusals) -> None:
    refusals.add(GROUP, "no")
    refusals.end(GROUP)
    assert refusals.of(GROUP) is None
    refusals.end("group-2")


def test_a_refusal_is_forgotten_long_after_it_has_ended(
    clock: ManualClock, refusals: Refusals
) -> None:
    refusals.add(GROUP, "no")
    clock.advance(BASE + CAP)
    refusals.tidy()
    assert refusals._refusals == {}
