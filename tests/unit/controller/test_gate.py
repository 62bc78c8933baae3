import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.gate import BASE, CAP, Gate
from gemini_operator.controller.job import Key
from tests.unit.controller.builders import NOW
from tests.unit.controller.clocks import ManualClock

GROUP, MODEL = "group-1", "gemini-2.5-flash"
FIRST, SECOND, THIRD = (Key("team-a", name) for name in ("first", "second", "third"))
AGES = {FIRST: NOW, SECOND: NOW + timedelta(seconds=1), THIRD: NOW + timedelta(seconds=2)}


class Line:
    """One gate, its clock, and whom it woke."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = ManualClock()
        self.woken: list[Key] = []
        self.gate = Gate(self.clock, self.woken.append, random.Random(seed))

    def wait(self, key: Key, *, group: str = GROUP, model: str = MODEL) -> float | None:
        return self.gate.wait(group, model, key, AGES[key])

    def throttled(self, key: Key, retry_after: float | None = None) -> float:
        return self.gate.throttled(GROUP, MODEL, key, AGES[key], retry_after)

    def open(self) -> None:
        """Let the longest back-off pass."""
        self.clock.advance(CAP)

    def may_go(self) -> list[Key]:
        """Who is let through, of three that ask in the order of their age."""
        return [key for key in AGES if self.wait(key) is None]


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_key_that_was_never_throttled_has_no_line(line: Line) -> None:
    assert line.may_go() == [FIRST, SECOND, THIRD]


def test_p10_a_429_makes_everybody_of_that_key_and_model_wait(line: Line) -> None:
    delay = line.throttled(FIRST)
    assert [line.wait(key) for key in AGES] == [pytest.approx(delay)] * 3


@pytest.mark.parametrize(
    ("group", "model"), [("group-2", MODEL), (GROUP, "gemini-2.5-pro")], ids=["key", "model"]
)
def test_p10_a_429_of_one_key_and_model_holds_up_no_other(
    line: Line, group: str, model: str
) -> None:
    line.throttled(FIRST)
    assert line.wait(SECOND, group=group, model=model) is None


def test_p10_after_the_back_off_the_oldest_tries_alone(line: Line) -> None:
    line.throttled(THIRD)
    line.wait(SECOND)
    line.wait(FIRST)
    line.open()
    assert line.may_go() == [FIRST]
    assert line.wait(SECOND) == BASE, "and the others ask again soon"


def test_p23_places_go_by_creation_time_and_name_so_a_restart_changes_nothing(line: Line) -> None:
    twins = [Key("team-a", "b"), Key("team-a", "a")]
    for key in twins:
        line.gate.throttled(GROUP, MODEL, key, NOW, None)
    line.open()
    assert line.gate.wait(GROUP, MODEL, twins[0], NOW) == BASE
    assert line.gate.wait(GROUP, MODEL, twins[1], NOW) is None


def test_p10_the_back_off_grows_and_is_capped(line: Line) -> None:
    delays = []
    for _ in range(12):
        delays.append(line.throttled(FIRST))
        line.open()
    assert BASE / 2 <= delays[0] <= BASE
    assert BASE <= delays[1] <= 2 * BASE
    assert all(CAP / 2 <= delay <= CAP for delay in delays[-4:])


def test_p10_googles_own_wait_is_honoured_when_it_is_longer(line: Line) -> None:
    assert line.throttled(FIRST, retry_after=90.0) == 90.0
    assert line.throttled(FIRST, retry_after=0.1) >= BASE / 2


@given(st.lists(st.floats(0, 1000) | st.none(), min_size=1, max_size=30), st.integers())
def test_p10_the_line_opens_exactly_when_it_said(waits: list[float | None], seed: int) -> None:
    line = Line(seed)
    for wait in waits:
        delay = line.throttled(FIRST, retry_after=wait)
        line.clock.advance(delay - 0.001)
        assert line.wait(FIRST) is not None
        line.clock.advance(0.002)
        assert line.wait(FIRST) is None


def test_p10_three_429s_in_a_row_move_the_head_to_the_end(line: Line) -> None:
    """So that one job over its token tier doesn't wedge the others."""
    for key in AGES:
        line.throttled(FIRST)
        line.open()
        line.wait(key)
    assert line.may_go() == [SECOND]


def test_p10_two_429s_do_not(line: Line) -> None:
    for _ in range(2):
        line.throttled(FIRST)
        line.open()
    assert line.may_go() == [FIRST]


def test_p10_every_head_has_three_tries_of_its_own(line: Line) -> None:
    assert line.may_go() == [FIRST, SECOND, THIRD]
    line.throttled(FIRST)
    turns = []
    for _ in range(12):
        line.open()
        [head] = line.may_go()
        turns.append(head)
        line.throttled(head)
    assert turns == [FIRST] * 2 + [SECOND] * 3 + [THIRD] * 3 + [FIRST] * 3 + [SECOND]


def test_p10_creates_that_were_under_way_together_are_not_blamed_on_one_job(line: Line) -> None:
    """Three jobs are refused at once: each of them has failed once, none three times in a row."""
    for key in (THIRD, SECOND, FIRST):
        line.throttled(key)
    line.open()
    assert line.may_go() == [FIRST]


def test_p10_whoever_becomes_the_head_is_woken(line: Line) -> None:
    line.throttled(SECOND)
    line.wait(FIRST)
    line.throttled(SECOND)
    assert line.woken == [FIRST]


def test_p10_one_accepted_create_lets_everybody_go(line: Line) -> None:
    for key in AGES:
        line.throttled(key)
    line.gate.passed(GROUP, MODEL)
    assert set(line.woken) >= set(AGES)
    assert line.may_go() == list(AGES)


def test_p10_an_accepted_create_ends_the_back_off_of_its_own_line_only(line: Line) -> None:
    line.throttled(FIRST)
    line.gate.passed(GROUP, "gemini-2.5-pro")
    assert line.wait(FIRST) is not None


def test_p05_a_job_that_is_gone_leaves_the_line_to_the_next(line: Line) -> None:
    line.throttled(FIRST)
    line.wait(SECOND)
    line.open()
    assert line.wait(SECOND) == BASE
    line.gate.leave(FIRST)
    assert line.wait(SECOND) is None


def test_a_job_whose_secret_holds_another_key_now_leaves_the_old_keys_line(line: Line) -> None:
    line.throttled(FIRST)
    line.wait(SECOND)
    line.open()
    assert line.wait(FIRST, group="group-2") is None
    assert line.wait(SECOND) is None


def test_leaving_a_line_that_one_is_not_in_changes_nothing(line: Line) -> None:
    line.throttled(FIRST)
    line.gate.leave(SECOND)
    line.open()
    assert line.wait(FIRST) is None


def test_p10_a_refused_key_is_not_tried_until_its_back_off_ends(line: Line) -> None:
    line.gate.refused(GROUP, "API key not valid")
    refusal = line.gate.refusal(GROUP)
    assert refusal is not None
    assert refusal.message == "API key not valid"
    assert line.gate.refusal("group-2") is None
    line.clock.advance(BASE)
    assert line.gate.refusal(GROUP) is None


def test_p10_a_key_refused_again_and_again_waits_longer_up_to_a_cap(line: Line) -> None:
    waits = []
    for _ in range(12):
        line.gate.refused(GROUP, "no")
        refusal = line.gate.refusal(GROUP)
        assert refusal is not None
        waits.append(refusal.until - line.clock.monotonic())
        line.open()
    assert BASE / 2 <= waits[0] <= BASE
    assert all(CAP / 2 <= wait <= CAP for wait in waits[-4:])


def test_p10_a_key_that_is_accepted_is_trusted_again(line: Line) -> None:
    line.gate.refused(GROUP, "no")
    line.gate.passed(GROUP, MODEL)
    assert line.gate.refusal(GROUP) is None
