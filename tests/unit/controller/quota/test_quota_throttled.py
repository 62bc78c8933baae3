"""A key and model that Google answers with 429 back off together (rules P10, P23)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.quota import Admission
from gemini_operator.controller.quota.throttle import BASE, CAP
from tests.unit.controller.builders import a_condition
from tests.unit.controller.quotas import GROUP, Harness

FIRST, SECOND, THIRD = (Key("team-a", name) for name in ("first", "second", "third"))
JOBS = (FIRST, SECOND, THIRD)
OTHER_MODEL = "gemini-2.5-pro"


class Throttled(Harness):
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
        return self.admits(*JOBS)


@pytest.fixture
def throttle() -> Throttled:
    return Throttled()


def test_a_key_that_was_never_throttled_has_no_throttle(throttle: Throttled) -> None:
    assert throttle.may_go() == [FIRST, SECOND, THIRD]


def test_p10_a_429_makes_everybody_of_that_key_and_model_wait(throttle: Throttled) -> None:
    delay = throttle.meets_429(FIRST)
    assert [throttle.reserve(key) for key in JOBS] == [Admission.THROTTLED] * 3
    throttle.clock.advance(delay - 0.001)
    assert throttle.may_go() == []


@pytest.mark.parametrize(
    ("group", "model"),
    [("group-2", "gemini-2.5-flash"), (GROUP, OTHER_MODEL)],
    ids=["key", "model"],
)
def test_p10_a_429_of_one_key_and_model_holds_up_no_other(
    throttle: Throttled, group: str, model: str
) -> None:
    throttle.meets_429(FIRST)
    other = throttle.put("team-b/other", model=model)
    assert throttle.reserve(other, group) is Admission.ADMITTED


def test_p10_a_model_has_one_throttle_however_its_name_is_written(throttle: Throttled) -> None:
    throttle.meets_429(FIRST)
    same = throttle.put("same", model="models/gemini-2.5-flash")
    assert throttle.reserve(same) is Admission.THROTTLED


def test_p10_after_the_back_off_the_oldest_tries_alone(throttle: Throttled) -> None:
    throttle.meets_429(THIRD)
    assert throttle.admits(SECOND, FIRST) == []
    throttle.open()
    assert throttle.may_go() == [FIRST]
    throttle.write_ahead(FIRST)
    assert throttle.admits(SECOND, THIRD) == [], "until it has its answer"


def test_p10_only_the_head_is_woken_when_the_throttle_opens(throttle: Throttled) -> None:
    delay = throttle.meets_429(THIRD)
    assert throttle.admits(SECOND, FIRST) == []
    throttle.queue.take()
    throttle.queue.alarms.pop(SECOND, None)
    throttle.clock.advance(delay)
    assert FIRST in throttle.queue.take()
    assert throttle.queue.alarms == {}


def test_p23_ten_thousand_jobs_in_a_blocked_throttle_have_one_alarm(throttle: Throttled) -> None:
    throttle.meets_429(FIRST)
    jobs = [throttle.put(f"many-{n:05}", 10 + n) for n in range(10_000)]
    assert throttle.admits(*jobs) == []
    assert list(throttle.queue.alarms) == [FIRST]


def test_p10_a_head_that_lost_its_alarm_to_an_earlier_reconcile_gets_another(
    throttle: Throttled,
) -> None:
    delay = throttle.meets_429(FIRST)
    throttle.queue.add(FIRST)
    assert throttle.queue.take() == [FIRST]
    assert throttle.reserve(FIRST) is Admission.THROTTLED
    throttle.clock.advance(delay)
    assert throttle.queue.take() == [FIRST]


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_p10_a_head_that_leaves_hands_its_alarm_on(throttle: Throttled, closed: bool) -> None:
    delay = throttle.meets_429(FIRST)
    assert throttle.reserve(SECOND) is Admission.THROTTLED
    if not closed:
        throttle.clock.advance(delay)
    throttle.quota.release(FIRST)
    throttle.clock.advance(delay)
    assert SECOND in throttle.queue.take()
    assert throttle.admits(THIRD, SECOND) == [SECOND]


def test_p10_an_alarm_is_set_again_each_time_the_throttle_blocks(throttle: Throttled) -> None:
    for _ in range(2):
        delay = throttle.meets_429(FIRST)
        throttle.queue.take()
        throttle.clock.advance(delay)
        assert throttle.queue.take() == [FIRST]


def test_p10_the_back_off_grows_and_is_capped(throttle: Throttled) -> None:
    delays = []
    for _ in range(12):
        delays.append(throttle.meets_429(FIRST))
        throttle.open()
    assert BASE / 2 <= delays[0] <= BASE
    assert BASE <= delays[1] <= 2 * BASE
    assert all(CAP / 2 <= delay <= CAP for delay in delays[-4:])


def test_p10_googles_own_wait_is_honoured_when_it_is_longer(throttle: Throttled) -> None:
    assert throttle.meets_429(FIRST, retry_after=90.0) == 90.0
    throttle.open()
    assert throttle.meets_429(FIRST, retry_after=0.1) >= BASE / 2


@given(st.lists(st.floats(0, 1000) | st.none(), min_size=1, max_size=30), st.integers())
def test_p10_the_throttle_opens_exactly_when_it_said(waits: list[float | None], seed: int) -> None:
    throttle = Throttled(seed=seed)
    for wait in waits:
        delay = throttle.meets_429(FIRST, retry_after=wait)
        throttle.clock.advance(delay - 0.001)
        assert throttle.reserve(FIRST) is Admission.THROTTLED
        throttle.clock.advance(0.002)
        assert throttle.reserve(FIRST) is Admission.ADMITTED


def test_p10_three_429s_in_a_row_move_the_head_to_the_end(throttle: Throttled) -> None:
    """So that one job over its token tier doesn't wedge the others."""
    for _ in range(3):
        throttle.open()
        throttle.meets_429(FIRST)
    assert throttle.admits(SECOND, THIRD) == []
    throttle.open()
    assert throttle.may_go() == [SECOND]


def test_p10_two_429s_do_not(throttle: Throttled) -> None:
    for _ in range(2):
        throttle.meets_429(FIRST)
        throttle.open()
    assert throttle.may_go() == [FIRST]


def test_p10_every_head_has_three_tries_of_its_own(throttle: Throttled) -> None:
    assert throttle.may_go() == [FIRST, SECOND, THIRD]
    for key in JOBS:
        throttle.quota.release(key)
    throttle.meets_429(FIRST)
    positions = []
    for _ in range(12):
        throttle.open()
        [head] = throttle.may_go()
        positions.append(head)
        throttle.meets_429(head)
    assert positions == [FIRST] * 2 + [SECOND] * 3 + [THIRD] * 3 + [FIRST] * 3 + [SECOND]


def test_p10_creates_that_were_under_way_together_are_not_blamed_on_one_job(
    throttle: Throttled,
) -> None:
    """Three jobs are refused at once: each of them has failed once, none three times in a row."""
    assert throttle.may_go() == [FIRST, SECOND, THIRD]
    for key in JOBS:
        throttle.write_ahead(key)
    for key in (THIRD, SECOND, FIRST):
        throttle.throttled(key)
        throttle.clear(key)
    throttle.open()
    assert throttle.may_go() == [FIRST]


def test_p10_a_429_calls_back_who_was_called_but_not_who_is_on_its_way() -> None:
    """Its create may be sent at any moment: its slot must not be given away."""
    throttle = Throttled(limit=2)
    assert throttle.may_go() == [FIRST, SECOND]
    throttle.write_ahead(FIRST)
    throttle.throttled(FIRST)
    throttle.clear(FIRST)
    other = throttle.put("other", 9, model=OTHER_MODEL)
    another = throttle.put("another", 9, model=OTHER_MODEL)
    assert throttle.admits(SECOND, THIRD, other, another) == [SECOND, other]


def test_p10_a_slot_reserved_before_the_throttle_blocked_is_taken_back() -> None:
    throttle = Throttled(limit=2)
    fourth = throttle.put("fourth", 4)
    for key in (FIRST, SECOND):
        assert throttle.reserve(key) is Admission.ADMITTED
        throttle.write_ahead(key)
    throttle.passed(FIRST)
    other = throttle.put("other", 9, model=OTHER_MODEL)
    assert throttle.admits(THIRD, fourth, other) == []
    throttle.end(FIRST)
    assert throttle.queue.take() == [THIRD]
    throttle.throttled(SECOND)
    assert throttle.queue.take() == [other], "the place is free for others of the key"
    assert throttle.admits(THIRD, other) == [other]


def test_p10_one_accepted_create_lets_everybody_go(throttle: Throttled) -> None:
    throttle.meets_429(FIRST)
    assert throttle.admits(SECOND, THIRD) == []
    throttle.open()
    assert throttle.send(FIRST)
    assert set(throttle.queue.take()) >= {SECOND, THIRD}
    assert throttle.admits(THIRD, SECOND) == [THIRD, SECOND]


def test_p10_an_accepted_create_lets_no_more_go_than_there_are_usage() -> None:
    throttle = Throttled(limit=2)
    throttle.meets_429(FIRST)
    assert throttle.admits(SECOND, THIRD) == []
    throttle.open()
    assert throttle.send(FIRST)
    assert throttle.admits(THIRD, SECOND) == [SECOND]


def test_p10_a_job_that_was_moved_to_the_end_has_its_old_order_once_the_throttle_ends(
    throttle: Throttled,
) -> None:
    for _ in range(3):
        throttle.open()
        throttle.meets_429(FIRST)
    assert throttle.admits(THIRD, SECOND) == []
    throttle.open()
    assert throttle.admits(FIRST, THIRD, SECOND) == [SECOND]
    throttle.write_ahead(SECOND)
    throttle.passed(SECOND)
    assert set(throttle.queue.take()) >= {FIRST, THIRD}
    assert throttle.admits(FIRST, THIRD) == [FIRST, THIRD]


def test_p10_and_as_good_as_it_was_before() -> None:
    """By its age, not behind all who came meanwhile."""
    throttle = Throttled(limit=1)
    for _ in range(3):
        throttle.open()
        throttle.meets_429(FIRST)
    assert throttle.admits(SECOND, THIRD) == []
    throttle.open()
    assert throttle.send(SECOND)
    throttle.end(SECOND)
    assert FIRST in throttle.queue.take()
    assert throttle.admits(THIRD, FIRST) == [FIRST]


def test_p10_an_accepted_create_lets_everybody_go_though_its_job_is_gone(
    throttle: Throttled,
) -> None:
    throttle.meets_429(FIRST)
    assert throttle.admits(SECOND, THIRD) == []
    throttle.open()
    assert throttle.reserve(FIRST) is Admission.ADMITTED
    throttle.write_ahead(FIRST)
    accepted = throttle.job(FIRST)
    throttle.store.remove(FIRST)
    assert THIRD not in throttle.queue.take(), "SECOND is to try alone"
    throttle.quota.passed(GROUP, accepted)
    assert THIRD in throttle.queue.take()


def test_p10_a_probe_with_an_unknown_outcome_lets_the_next_try(throttle: Throttled) -> None:
    throttle.meets_429(FIRST)
    assert throttle.reserve(SECOND) is Admission.THROTTLED
    throttle.open()
    assert throttle.admits(FIRST, SECOND) == [FIRST]
    throttle.write_ahead(FIRST)
    throttle.queue.take()
    throttle.quota.release(FIRST)
    assert throttle.queue.take() == [SECOND]
    assert throttle.admits(THIRD, SECOND) == [SECOND]


def test_p10_an_accepted_create_ends_the_back_off_of_its_own_throttle_only(
    throttle: Throttled,
) -> None:
    throttle.meets_429(FIRST)
    other = throttle.put("other", model=OTHER_MODEL)
    assert throttle.send(other)
    assert throttle.reserve(FIRST) is Admission.THROTTLED


@pytest.mark.parametrize("others", [True, False], ids=["others wait", "nobody waits"])
def test_p10_a_429_of_a_job_that_is_gone_blocks_the_throttle_and_queues_no_job(
    throttle: Throttled, others: bool
) -> None:
    assert throttle.reserve(FIRST) is Admission.ADMITTED
    throttle.write_ahead(FIRST)
    throttled = throttle.job(FIRST)
    if others:
        assert throttle.send(SECOND)
    throttle.store.remove(FIRST)
    assert throttle.quota.throttled(GROUP, throttled, None) >= BASE / 2
    assert throttle.quota.waiting == 0
    if others:
        assert throttle.reserve(THIRD) is Admission.THROTTLED


def test_p23_in_a_throttle_too_the_namespace_with_the_fewest_slots_goes_first(
    throttle: Throttled,
) -> None:
    assert throttle.send(THIRD)
    throttle.meets_429(FIRST)
    young = throttle.put("team-b/young", 9)
    assert throttle.reserve(young) is Admission.THROTTLED
    throttle.open()
    assert throttle.admits(FIRST, young) == [young]


def test_p05_a_job_that_is_gone_leaves_the_throttle_to_the_next(throttle: Throttled) -> None:
    throttle.meets_429(FIRST)
    assert throttle.reserve(SECOND) is Admission.THROTTLED
    throttle.open()
    assert throttle.admits(SECOND) == []
    throttle.store.remove(FIRST)
    assert throttle.reserve(SECOND) is Admission.ADMITTED


def test_a_job_whose_secret_holds_another_key_now_leaves_the_old_keys_throttle(
    throttle: Throttled,
) -> None:
    elsewhere = throttle.put("team-b/elsewhere", 9)
    throttle.meets_429(FIRST)
    assert throttle.reserve(elsewhere) is Admission.THROTTLED
    throttle.open()
    assert throttle.reserve(FIRST, "group-2") is Admission.ADMITTED
    assert throttle.reserve(elsewhere) is Admission.ADMITTED


def test_a_probe_whose_secret_holds_another_key_now_lets_the_next_try(throttle: Throttled) -> None:
    elsewhere = throttle.put("team-b/elsewhere", 9)
    throttle.meets_429(FIRST)
    throttle.open()
    assert throttle.admits(FIRST, elsewhere) == [FIRST]
    throttle.bind_key(FIRST, "group-2")
    assert throttle.reserve(elsewhere) is Admission.THROTTLED, "its create may be on its way"
    assert throttle.reserve(FIRST, "group-2") is Admission.ADMITTED
    assert elsewhere in throttle.queue.take()
    assert throttle.reserve(elsewhere) is Admission.ADMITTED


def test_leaving_a_throttle_that_the_job_is_not_in_changes_nothing(throttle: Throttled) -> None:
    throttle.meets_429(FIRST)
    throttle.quota.release(SECOND)
    throttle.open()
    assert throttle.reserve(FIRST) is Admission.ADMITTED


def test_p23_after_a_restart_a_throttled_model_is_probed_by_its_first_job_alone() -> None:
    """Otherwise each restart would be answered with as many 429s as there are slots."""
    throttle = Throttled()
    throttle.bind_key(FIRST, GROUP)
    said = [a_condition("Submitted", "False", "QuotaExceeded")]
    for key in JOBS:
        throttle.write(key, state="Queued", conditions=said)
    throttle.quota.restore(throttle.job(key) for key in reversed(JOBS))
    assert throttle.queue.take() == [FIRST]
    assert throttle.admits(*reversed(JOBS)) == [FIRST]
    throttle.write_ahead(FIRST)
    throttle.passed(FIRST)
    assert throttle.admits(THIRD, SECOND) == [THIRD, SECOND]


def test_p23_a_throttled_upload_says_nothing_of_its_model_after_a_restart() -> None:
    throttle = Throttled()
    throttle.bind_key(FIRST, GROUP)
    said = [a_condition("Submitted", "False", "QuotaExceeded")]
    throttle.write(FIRST, state="Queued", conditions=said, inputFile={"fileName": "files/a-1"})
    throttle.quota.restore(throttle.job(key) for key in JOBS)
    throttle.quota.release(FIRST)
    assert throttle.admits(SECOND, THIRD) == [SECOND, THIRD]


def test_p10_after_a_429_the_next_try_belongs_to_another_namespace(throttle: Throttled) -> None:
    """Twelve jobs over the token tier of one namespace, and one job of each of two others."""
    many = [throttle.put(f"big/{n:02}", n) for n in range(12)]
    assert throttle.admits(*many) == many
    for key in many:
        throttle.write_ahead(key)
    for key in many:
        throttle.throttled(key)
        throttle.clear(key)
    others = [throttle.put("small/job", 20), throttle.put("tiny/job", 21)]
    assert throttle.admits(*others) == []
    positions = []
    for _ in range(9):
        throttle.open()
        [head] = throttle.admits(*many, *others)
        throttle.write_ahead(head)
        throttle.throttled(head)
        throttle.clear(head)
        positions.append("/".join(head))
    assert positions == [
        *("small/job", "tiny/job", "big/00", "small/job", "tiny/job", "big/00", "small/job"),
        *("tiny/job", "big/00"),
    ]
    throttle.open()
    throttle.quota.release(others[0])
    throttle.quota.release(others[1])
    assert throttle.admits(*many) == [many[1]], "three in a row are counted for each namespace"


def test_p10_429s_of_creates_that_were_under_way_together_are_one(throttle: Throttled) -> None:
    """Otherwise twelve jobs at once block the model for five minutes."""
    many = [throttle.put(f"big/{n:02}", n) for n in range(12)]
    assert throttle.admits(*many) == many
    delays = []
    for key in many:
        throttle.write_ahead(key)
        delays.append(throttle.throttled(key))
    assert max(delays) <= BASE
    throttle.clock.advance(BASE)
    assert len(throttle.admits(*many)) == 1


def test_p10_a_late_429_may_ask_for_a_longer_wait(throttle: Throttled) -> None:
    assert throttle.may_go() == [FIRST, SECOND, THIRD]
    for key in JOBS:
        throttle.write_ahead(key)
    assert throttle.throttled(FIRST) <= BASE
    assert throttle.throttled(SECOND, 90.0) == 90.0
    assert throttle.throttled(THIRD) == 90.0


@pytest.mark.parametrize("how", ["unknown outcome", "refused for its own reasons"])
def test_p10_a_try_without_news_is_a_turn_too(throttle: Throttled, how: str) -> None:
    throttle.meets_429(FIRST)
    others = [throttle.put("b/1", 5), throttle.put("b/2", 6), throttle.put("c/1", 7)]
    assert throttle.admits(*others) == []
    throttle.open()
    [head] = throttle.admits(*others)
    assert head == others[0]
    throttle.write_ahead(head)
    throttle.quota.release(head)
    if how != "unknown outcome":
        throttle.clear(head)
    assert throttle.admits(*others[1:]) == [others[2]]


def test_p10_a_late_429_calls_the_head_back_before_it_tries(throttle: Throttled) -> None:
    assert throttle.admits(FIRST, SECOND) == [FIRST, SECOND]
    for key in (FIRST, SECOND):
        throttle.write_ahead(key)
    throttle.throttled(FIRST)
    throttle.clear(FIRST)
    throttle.open()
    throttle.quota.resync()
    assert FIRST in throttle.queue.take(), "it is called"
    throttle.throttled(SECOND)
    assert throttle.reserve(FIRST) is Admission.THROTTLED
