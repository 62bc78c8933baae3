"""A key and model that Google answers with 429 back off together (rules P10, P23)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.gate.backoff import BASE, CAP
from gemini_operator.controller.gate.gate import Answer
from gemini_operator.controller.job import Key
from tests.unit.controller.builders import a_condition
from tests.unit.controller.gates import GROUP, Entrance

FIRST, SECOND, THIRD = (Key("team-a", name) for name in ("first", "second", "third"))
JOBS = (FIRST, SECOND, THIRD)
OTHER_MODEL = "gemini-2.5-pro"


class Line(Entrance):
    """Three jobs, in the order of their age, at a key with room for all."""

    def __init__(self, limit: int = 100, seed: int = 0) -> None:
        super().__init__(limit, seed=seed)
        for age, key in enumerate(JOBS):
            self.put(key.name, age)

    def open(self) -> None:
        """Let the longest back-off pass."""
        self.clock.advance(CAP)

    def may_go(self) -> list[Key]:
        """Who is let through, of three that ask in the order of their age."""
        return self.asks_to_go(*JOBS)


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_key_that_was_never_throttled_has_no_line(line: Line) -> None:
    assert line.may_go() == [FIRST, SECOND, THIRD]


def test_p10_a_429_makes_everybody_of_that_key_and_model_wait(line: Line) -> None:
    delay = line.meets_429(FIRST)
    assert [line.ask(key) for key in JOBS] == [Answer.THROTTLED] * 3
    line.clock.advance(delay - 0.001)
    assert line.may_go() == []


@pytest.mark.parametrize(
    ("group", "model"),
    [("group-2", "gemini-2.5-flash"), (GROUP, OTHER_MODEL)],
    ids=["key", "model"],
)
def test_p10_a_429_of_one_key_and_model_holds_up_no_other(
    line: Line, group: str, model: str
) -> None:
    line.meets_429(FIRST)
    other = line.put("team-b/other", model=model)
    assert line.ask(other, group) is Answer.GO


def test_p10_a_model_has_one_line_however_its_name_is_written(line: Line) -> None:
    line.meets_429(FIRST)
    same = line.put("same", model="models/gemini-2.5-flash")
    assert line.ask(same) is Answer.THROTTLED


def test_p10_after_the_back_off_the_oldest_tries_alone(line: Line) -> None:
    line.meets_429(THIRD)
    assert line.asks_to_go(SECOND, FIRST) == []
    line.open()
    assert line.may_go() == [FIRST]
    line.write_ahead(FIRST)
    assert line.asks_to_go(SECOND, THIRD) == [], "until it has its answer"


def test_p10_only_the_head_is_woken_when_the_line_opens(line: Line) -> None:
    delay = line.meets_429(THIRD)
    assert line.asks_to_go(SECOND, FIRST) == []
    line.queue.take()
    line.queue.alarms.pop(SECOND, None)
    line.clock.advance(delay)
    assert FIRST in line.queue.take()
    assert line.queue.alarms == {}


def test_p23_ten_thousand_in_a_closed_line_have_one_alarm(line: Line) -> None:
    line.meets_429(FIRST)
    jobs = [line.put(f"many-{n:05}", 10 + n) for n in range(10_000)]
    assert line.asks_to_go(*jobs) == []
    assert list(line.queue.alarms) == [FIRST]


def test_p10_a_head_that_lost_its_alarm_to_an_earlier_pass_gets_another(line: Line) -> None:
    delay = line.meets_429(FIRST)
    line.queue.add(FIRST)
    assert line.queue.take() == [FIRST]
    assert line.ask(FIRST) is Answer.THROTTLED
    line.clock.advance(delay)
    assert line.queue.take() == [FIRST]


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_p10_a_head_that_leaves_hands_its_alarm_on(line: Line, closed: bool) -> None:
    delay = line.meets_429(FIRST)
    assert line.ask(SECOND) is Answer.THROTTLED
    if not closed:
        line.clock.advance(delay)
    line.gate.leave(FIRST)
    line.clock.advance(delay)
    assert SECOND in line.queue.take()
    assert line.asks_to_go(THIRD, SECOND) == [SECOND]


def test_p10_an_alarm_is_set_anew_each_time_the_line_closes(line: Line) -> None:
    for _ in range(2):
        delay = line.meets_429(FIRST)
        line.queue.take()
        line.clock.advance(delay)
        assert line.queue.take() == [FIRST]


def test_p10_the_back_off_grows_and_is_capped(line: Line) -> None:
    delays = []
    for _ in range(12):
        delays.append(line.meets_429(FIRST))
        line.open()
    assert BASE / 2 <= delays[0] <= BASE
    assert BASE <= delays[1] <= 2 * BASE
    assert all(CAP / 2 <= delay <= CAP for delay in delays[-4:])


def test_p10_googles_own_wait_is_honoured_when_it_is_longer(line: Line) -> None:
    assert line.meets_429(FIRST, retry_after=90.0) == 90.0
    line.open()
    assert line.meets_429(FIRST, retry_after=0.1) >= BASE / 2


@given(st.lists(st.floats(0, 1000) | st.none(), min_size=1, max_size=30), st.integers())
def test_p10_the_line_opens_exactly_when_it_said(waits: list[float | None], seed: int) -> None:
    line = Line(seed=seed)
    for wait in waits:
        delay = line.meets_429(FIRST, retry_after=wait)
        line.clock.advance(delay - 0.001)
        assert line.ask(FIRST) is Answer.THROTTLED
        line.clock.advance(0.002)
        assert line.ask(FIRST) is Answer.GO


def test_p10_three_429s_in_a_row_move_the_head_to_the_end(line: Line) -> None:
    """So that one job over its token tier doesn't wedge the others."""
    for _ in range(3):
        line.open()
        line.meets_429(FIRST)
    assert line.asks_to_go(SECOND, THIRD) == []
    line.open()
    assert line.may_go() == [SECOND]


def test_p10_two_429s_do_not(line: Line) -> None:
    for _ in range(2):
        line.meets_429(FIRST)
        line.open()
    assert line.may_go() == [FIRST]


def test_p10_every_head_has_three_tries_of_its_own(line: Line) -> None:
    assert line.may_go() == [FIRST, SECOND, THIRD]
    for key in JOBS:
        line.gate.leave(key)
    line.meets_429(FIRST)
    turns = []
    for _ in range(12):
        line.open()
        [head] = line.may_go()
        turns.append(head)
        line.meets_429(head)
    assert turns == [FIRST] * 2 + [SECOND] * 3 + [THIRD] * 3 + [FIRST] * 3 + [SECOND]


def test_p10_creates_that_were_under_way_together_are_not_blamed_on_one_job(line: Line) -> None:
    """Three jobs are refused at once: each of them has failed once, none three times in a row."""
    assert line.may_go() == [FIRST, SECOND, THIRD]
    for key in JOBS:
        line.write_ahead(key)
    for key in (THIRD, SECOND, FIRST):
        line.throttled(key)
        line.clear(key)
    line.open()
    assert line.may_go() == [FIRST]


def test_p10_a_429_calls_back_who_was_called_but_not_who_is_on_its_way() -> None:
    """Its create may be sent at any moment: its place must not be given away."""
    line = Line(limit=2)
    assert line.may_go() == [FIRST, SECOND]
    line.write_ahead(FIRST)
    line.throttled(FIRST)
    line.clear(FIRST)
    other = line.put("other", 9, model=OTHER_MODEL)
    another = line.put("another", 9, model=OTHER_MODEL)
    assert line.asks_to_go(SECOND, THIRD, other, another) == [SECOND, other]


def test_p10_a_job_that_was_called_before_the_line_closed_waits_with_it() -> None:
    line = Line(limit=2)
    fourth = line.put("fourth", 4)
    for key in (FIRST, SECOND):
        assert line.ask(key) is Answer.GO
        line.write_ahead(key)
    line.passed(FIRST)
    other = line.put("other", 9, model=OTHER_MODEL)
    assert line.asks_to_go(THIRD, fourth, other) == []
    line.end(FIRST)
    assert line.queue.take() == [THIRD]
    line.throttled(SECOND)
    assert line.queue.take() == [other], "the place is free for others of the key"
    assert line.asks_to_go(THIRD, other) == [other]


def test_p10_one_accepted_create_lets_everybody_go(line: Line) -> None:
    line.meets_429(FIRST)
    assert line.asks_to_go(SECOND, THIRD) == []
    line.open()
    assert line.send(FIRST)
    assert set(line.queue.take()) >= {SECOND, THIRD}
    assert line.asks_to_go(THIRD, SECOND) == [THIRD, SECOND]


def test_p10_an_accepted_create_lets_no_more_go_than_there_are_places() -> None:
    line = Line(limit=2)
    line.meets_429(FIRST)
    assert line.asks_to_go(SECOND, THIRD) == []
    line.open()
    assert line.send(FIRST)
    assert line.asks_to_go(THIRD, SECOND) == [SECOND]


def test_p10_who_was_moved_to_the_end_is_as_good_as_any_once_the_line_flows(line: Line) -> None:
    for _ in range(3):
        line.open()
        line.meets_429(FIRST)
    assert line.asks_to_go(THIRD, SECOND) == []
    line.open()
    assert line.asks_to_go(FIRST, THIRD, SECOND) == [SECOND]
    line.write_ahead(SECOND)
    line.passed(SECOND)
    assert set(line.queue.take()) >= {FIRST, THIRD}
    assert line.asks_to_go(FIRST, THIRD) == [FIRST, THIRD]


def test_p10_and_as_good_as_it_was_before() -> None:
    """By its age, not behind all who came meanwhile."""
    line = Line(limit=1)
    for _ in range(3):
        line.open()
        line.meets_429(FIRST)
    assert line.asks_to_go(SECOND, THIRD) == []
    line.open()
    assert line.send(SECOND)
    line.end(SECOND)
    assert FIRST in line.queue.take()
    assert line.asks_to_go(THIRD, FIRST) == [FIRST]


def test_p10_an_accepted_create_lets_everybody_go_though_its_job_is_gone(line: Line) -> None:
    line.meets_429(FIRST)
    assert line.asks_to_go(SECOND, THIRD) == []
    line.open()
    assert line.ask(FIRST) is Answer.GO
    line.write_ahead(FIRST)
    accepted = line.job(FIRST)
    line.store.remove(FIRST)
    assert THIRD not in line.queue.take(), "SECOND is to try alone"
    line.gate.passed(GROUP, accepted)
    assert THIRD in line.queue.take()


def test_p10_a_probe_with_an_unknown_outcome_lets_the_next_try(line: Line) -> None:
    line.meets_429(FIRST)
    assert line.ask(SECOND) is Answer.THROTTLED
    line.open()
    assert line.asks_to_go(FIRST, SECOND) == [FIRST]
    line.write_ahead(FIRST)
    line.queue.take()
    line.gate.leave(FIRST)
    assert line.queue.take() == [SECOND]
    assert line.asks_to_go(THIRD, SECOND) == [SECOND]


def test_p10_an_accepted_create_ends_the_back_off_of_its_own_line_only(line: Line) -> None:
    line.meets_429(FIRST)
    other = line.put("other", model=OTHER_MODEL)
    assert line.send(other)
    assert line.ask(FIRST) is Answer.THROTTLED


@pytest.mark.parametrize("others", [True, False], ids=["others wait", "nobody waits"])
def test_p10_a_429_of_a_job_that_is_gone_closes_the_line_and_puts_nobody_into_it(
    line: Line, others: bool
) -> None:
    assert line.ask(FIRST) is Answer.GO
    line.write_ahead(FIRST)
    throttled = line.job(FIRST)
    if others:
        assert line.send(SECOND)
    line.store.remove(FIRST)
    assert line.gate.throttled(GROUP, throttled, None) >= BASE / 2
    assert line.gate.waiting == 0
    if others:
        assert line.ask(THIRD) is Answer.THROTTLED


def test_p23_in_a_throttled_line_too_the_namespace_with_the_fewest_places_goes_first(
    line: Line,
) -> None:
    assert line.send(THIRD)
    line.meets_429(FIRST)
    young = line.put("team-b/young", 9)
    assert line.ask(young) is Answer.THROTTLED
    line.open()
    assert line.asks_to_go(FIRST, young) == [young]


def test_p05_a_job_that_is_gone_leaves_the_line_to_the_next(line: Line) -> None:
    line.meets_429(FIRST)
    assert line.ask(SECOND) is Answer.THROTTLED
    line.open()
    assert line.asks_to_go(SECOND) == []
    line.store.remove(FIRST)
    assert line.ask(SECOND) is Answer.GO


def test_a_job_whose_secret_holds_another_key_now_leaves_the_old_keys_line(line: Line) -> None:
    elsewhere = line.put("team-b/elsewhere", 9)
    line.meets_429(FIRST)
    assert line.ask(elsewhere) is Answer.THROTTLED
    line.open()
    assert line.ask(FIRST, "group-2") is Answer.GO
    assert line.ask(elsewhere) is Answer.GO


def test_a_probe_whose_secret_holds_another_key_now_lets_the_next_try(line: Line) -> None:
    elsewhere = line.put("team-b/elsewhere", 9)
    line.meets_429(FIRST)
    line.open()
    assert line.asks_to_go(FIRST, elsewhere) == [FIRST]
    line.learn(FIRST, "group-2")
    assert line.ask(elsewhere) is Answer.THROTTLED, "its create may be on its way"
    assert line.ask(FIRST, "group-2") is Answer.GO
    assert elsewhere in line.queue.take()
    assert line.ask(elsewhere) is Answer.GO


def test_leaving_a_line_that_one_is_not_in_changes_nothing(line: Line) -> None:
    line.meets_429(FIRST)
    line.gate.leave(SECOND)
    line.open()
    assert line.ask(FIRST) is Answer.GO


def test_p23_after_a_restart_a_line_that_was_throttled_is_tried_by_its_head_alone() -> None:
    """Otherwise each restart would be answered with as many 429s as there are places."""
    line = Line()
    line.learn(FIRST, GROUP)
    said = [a_condition("Submitted", "False", "QuotaExceeded")]
    for key in JOBS:
        line.write(key, state="Queued", conditions=said)
    line.gate.expect(line.job(key) for key in reversed(JOBS))
    assert line.queue.take() == [FIRST]
    assert line.asks_to_go(*reversed(JOBS)) == [FIRST]
    line.write_ahead(FIRST)
    line.passed(FIRST)
    assert line.asks_to_go(THIRD, SECOND) == [THIRD, SECOND]


def test_p10_after_a_429_the_next_try_belongs_to_another_namespace(line: Line) -> None:
    """Twelve jobs over the token tier of one namespace, and one job of each of two others."""
    many = [line.put(f"big/{n:02}", n) for n in range(12)]
    assert line.asks_to_go(*many) == many
    for key in many:
        line.write_ahead(key)
    for key in many:
        line.throttled(key)
        line.clear(key)
    others = [line.put("small/job", 20), line.put("tiny/job", 21)]
    assert line.asks_to_go(*others) == []
    turns = []
    for _ in range(9):
        line.open()
        [head] = line.asks_to_go(*many, *others)
        line.write_ahead(head)
        line.throttled(head)
        line.clear(head)
        turns.append("/".join(head))
    assert turns == [
        *("small/job", "tiny/job", "big/00", "small/job", "tiny/job", "big/00", "small/job"),
        *("tiny/job", "big/00"),
    ]
    line.open()
    line.gate.leave(others[0])
    line.gate.leave(others[1])
    assert line.asks_to_go(*many) == [many[1]], "three in a row are counted for each namespace"


def test_p10_429s_of_creates_that_were_under_way_together_are_one(line: Line) -> None:
    """Otherwise twelve jobs at once close the line for five minutes."""
    many = [line.put(f"big/{n:02}", n) for n in range(12)]
    assert line.asks_to_go(*many) == many
    delays = []
    for key in many:
        line.write_ahead(key)
        delays.append(line.throttled(key))
    assert max(delays) <= BASE
    line.clock.advance(BASE)
    assert len(line.asks_to_go(*many)) == 1


def test_p10_a_late_429_may_ask_for_a_longer_wait(line: Line) -> None:
    assert line.may_go() == [FIRST, SECOND, THIRD]
    for key in JOBS:
        line.write_ahead(key)
    assert line.throttled(FIRST) <= BASE
    assert line.throttled(SECOND, 90.0) == 90.0
    assert line.throttled(THIRD) == 90.0


@pytest.mark.parametrize("how", ["unknown outcome", "refused for its own reasons"])
def test_p10_a_try_without_news_is_a_turn_too(line: Line, how: str) -> None:
    line.meets_429(FIRST)
    others = [line.put("b/1", 5), line.put("b/2", 6), line.put("c/1", 7)]
    assert line.asks_to_go(*others) == []
    line.open()
    [head] = line.asks_to_go(*others)
    assert head == others[0]
    line.write_ahead(head)
    line.gate.leave(head)
    if how != "unknown outcome":
        line.clear(head)
    assert line.asks_to_go(*others[1:]) == [others[2]]


def test_p10_a_late_429_calls_the_head_back_before_it_tries(line: Line) -> None:
    assert line.asks_to_go(FIRST, SECOND) == [FIRST, SECOND]
    for key in (FIRST, SECOND):
        line.write_ahead(key)
    line.throttled(FIRST)
    line.clear(FIRST)
    line.open()
    line.gate.remind()
    assert FIRST in line.queue.take(), "it is called"
    line.throttled(SECOND)
    assert line.ask(FIRST) is Answer.THROTTLED
