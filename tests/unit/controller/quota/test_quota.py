"""Open batches for each API key: how many, who is next, and who is woken (rule P23)."""

import pytest

from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.quota import Admission
from tests.unit.controller.builders import OTHER_UID, a_job, an_attempt
from tests.unit.controller.quotas import GROUP, Harness

OTHER_GROUP = "group-2"


@pytest.fixture
def harness() -> Harness:
    """Of two slots."""
    return Harness(limit=2)


def some(harness: Harness, *names: str) -> list[Key]:
    """Jobs, each a second younger than the one before."""
    return [harness.put(name, age) for age, name in enumerate(names)]


def test_p23_a_key_with_free_slots_admits_every_job(harness: Harness) -> None:
    jobs = some(harness, "a/1", "b/1")
    assert harness.admits(*jobs) == jobs
    assert harness.queue.take() == [], "who asks needs no further pass"


def test_p23_no_more_go_than_there_are_usage(harness: Harness) -> None:
    jobs = some(harness, "a/1", "a/2", "a/3")
    assert harness.admits(*jobs) == jobs[:2]
    assert harness.reserve(jobs[2]) is Admission.QUOTA_FULL
    assert harness.quota.waiting == 1


def test_p23_a_job_that_was_admitted_may_ask_again(harness: Harness) -> None:
    """Its write-ahead met a conflict: the slot is still reserved for it."""
    first, second, third = some(harness, "a/1", "a/2", "a/3")
    assert harness.admits(first, second, first, third, first) == [first, second, first, first]


def test_p23_a_slot_is_reserved_until_the_write_ahead_shows_it(
    harness: Harness,
) -> None:
    first, second, third = some(harness, "a/1", "a/2", "a/3")
    harness.send(first)
    assert harness.admits(second, third) == [second]
    harness.write_ahead(second)
    assert harness.admits(third) == []


@pytest.mark.parametrize("end", ["end", "clear"])
def test_p23_an_end_frees_the_slot_for_the_next_job(harness: Harness, end: str) -> None:
    first, second, third, fourth = some(harness, "a/1", "a/2", "a/3", "a/4")
    for key in (first, second):
        assert harness.send(key)
    assert harness.admits(fourth, third) == []
    getattr(harness, end)(first)
    assert harness.queue.take() == [third]
    assert harness.admits(fourth, third) == [third]


def test_p23_an_object_that_is_gone_frees_its_slot(harness: Harness) -> None:
    first, second, third = some(harness, "a/1", "a/2", "a/3")
    for key in (first, second):
        assert harness.send(key)
    assert harness.reserve(third) is Admission.QUOTA_FULL
    harness.store.remove(first)
    assert harness.queue.take() == [third]


def test_p23_a_batch_with_an_unknown_outcome_uses_its_slot(harness: Harness) -> None:
    first, second, third = some(harness, "a/1", "a/2", "a/3")
    assert harness.send(first)
    assert harness.reserve(second) is Admission.ADMITTED
    harness.write_ahead(second)
    harness.quota.release(second)
    assert harness.reserve(third) is Admission.QUOTA_FULL


def test_p23_a_job_whose_attempt_came_to_nothing_waits_like_any_other(harness: Harness) -> None:
    """Also when nobody has told of its answer, as after a write-ahead that landed unnoticed."""
    first, second, third = some(harness, "a/1", "a/2", "a/3")
    assert harness.admits(first, second, third) == [first, second]
    harness.write_ahead(first)
    harness.clear(first)
    assert harness.queue.take() == [third]
    assert harness.admits(first, third) == [third]
    harness.write_ahead(third)
    harness.end(third)
    assert harness.queue.take() == [first]


@pytest.mark.parametrize("how", ["leave", "remove"])
def test_p23_a_job_that_does_not_use_its_reserved_slot_loses_it(harness: Harness, how: str) -> None:
    first, second, third, fourth = some(harness, "a/1", "a/2", "a/3", "a/4")
    for key in (first, second):
        assert harness.send(key)
    assert harness.admits(third, fourth) == []
    harness.end(first)
    assert harness.queue.take() == [third]
    if how == "leave":
        harness.quota.release(third)
    else:
        harness.store.remove(third)
    assert harness.queue.take() == [fourth]


def test_p23_a_job_that_leaves_while_it_waits_is_called_by_nobody(harness: Harness) -> None:
    first, second, third, fourth = some(harness, "a/1", "a/2", "a/3", "a/4")
    for key in (first, second):
        assert harness.send(key)
    assert harness.admits(third, fourth) == []
    harness.quota.release(third)
    harness.end(first)
    assert harness.queue.take() == [fourth]


def test_p23_whoever_comes_first_does_not_overtake_one_that_was_called(harness: Harness) -> None:
    first, second, third = some(harness, "a/1", "a/2", "a/3")
    for key in (first, second):
        assert harness.send(key)
    assert harness.reserve(third) is Admission.QUOTA_FULL
    harness.end(first)
    newcomer = harness.put("b/1", 9)
    assert harness.reserve(newcomer) is Admission.QUOTA_FULL
    assert harness.reserve(third) is Admission.ADMITTED


def test_p23_inside_a_namespace_the_oldest_goes_first_then_by_name() -> None:
    harness = Harness(limit=1)
    busy = harness.put("z/busy", 0)
    assert harness.send(busy)
    waiting = [harness.put(f"a/{name}", age) for name, age in [("d", 2), ("c", 1), ("b", 1)]]
    assert harness.admits(*waiting) == []
    assert order(harness, busy) == ["a/b", "a/c", "a/d"]


def test_p23_the_namespace_with_the_fewest_slots_in_use_goes_first() -> None:
    harness = Harness(limit=3)
    busy = some(harness, "a/1", "a/2", "b/1")
    for key in busy:
        assert harness.send(key)
    waiting = [harness.put(name, age) for name, age in [("a/3", 3), ("b/2", 4), ("c/1", 5)]]
    assert harness.admits(*waiting) == []
    harness.end(busy[0])
    assert harness.queue.take() == [Key("c", "1")], "a and b have one place each, c has none"
    assert harness.send(Key("c", "1"))
    harness.end(busy[1])
    assert harness.queue.take() == [Key("a", "3")], "now a has none"
    assert harness.send(Key("a", "3"))
    harness.end(busy[2])
    assert harness.queue.take() == [Key("b", "2")]


def test_p23_of_namespaces_with_equal_usage_the_one_with_the_oldest_job_goes_first() -> None:
    harness = Harness(limit=1)
    busy = harness.put("z/busy", 0)
    assert harness.send(busy)
    for name, age in [("a/1", 3), ("b/1", 1), ("c/1", 2)]:
        assert harness.reserve(harness.put(name, age)) is Admission.QUOTA_FULL
    assert order(harness, busy) == ["b/1", "c/1", "a/1"]


def test_p23_a_namespace_with_many_jobs_takes_turns_with_the_others() -> None:
    harness = Harness(limit=2)
    for age in range(6):
        harness.reserve(harness.put(f"big/{age}", age))
    for age in range(6, 8):
        harness.reserve(harness.put(f"small/{age}", age))
    for key in (Key("big", "0"), Key("big", "1")):
        assert harness.send(key)
    sent = []
    running = [Key("big", "0"), Key("big", "1")]
    while running:
        harness.end(running.pop(0))
        for key in harness.queue.take():
            assert harness.send(key)
            running.append(key)
            sent.append("/".join(key))
    assert sent == ["small/6", "big/2", "small/7", "big/3", "big/4", "big/5"]


def test_p23_another_key_does_not_wait_for_the_first(harness: Harness) -> None:
    jobs = some(harness, "a/1", "a/2", "a/3")
    for key in jobs[:2]:
        assert harness.send(key)
    other = {"name": "other", "key": "api-key"}
    stranger = harness.put("a/4", 4, apiKeySecretRef=other)
    assert harness.reserve(jobs[2]) is Admission.QUOTA_FULL
    assert harness.reserve(stranger, OTHER_GROUP) is Admission.ADMITTED


def test_p23_secrets_of_several_namespaces_with_one_key_share_its_usage(
    harness: Harness,
) -> None:
    jobs = some(harness, "a/1", "b/1", "c/1")
    assert harness.admits(*jobs) == jobs[:2]
    assert harness.admits(harness.put("d/1"), group=OTHER_GROUP) == [Key("d", "1")]


def test_p23_whoever_waits_goes_along_with_the_secret(harness: Harness) -> None:
    """Its new key may have free slots, and nobody asks on its behalf."""
    busy, waiting = some(harness, "a/1", "a/2"), harness.put("b/1", 3)
    for key in busy:
        assert harness.send(key)
    assert harness.reserve(waiting) is Admission.QUOTA_FULL
    harness.bind_key(waiting, OTHER_GROUP)
    assert harness.queue.take() == [waiting]
    assert harness.reserve(waiting, OTHER_GROUP) is Admission.ADMITTED


def test_p23_a_reserved_slot_moves_with_the_secret(harness: Harness) -> None:
    first, second = some(harness, "a/1", "b/1")
    assert harness.admits(first, second) == [first, second]
    harness.bind_key(first, OTHER_GROUP)
    assert harness.admits(first, group=OTHER_GROUP) == [first]
    harness.write_ahead(first)
    others = some(harness, "c/1", "c/2")
    assert harness.admits(*others) == others[:1]


@pytest.mark.parametrize("told_to_go", [False, True])
def test_p23_a_call_for_one_key_is_none_for_another(told_to_go: bool) -> None:
    """Found by a history: the Secret got a key without free slots, and its job went all the same."""
    harness = Harness(limit=1)
    [first, moving] = some(harness, "a/1", "b/1")
    harness.bind_key(moving, OTHER_GROUP)
    harness.quota.restore([harness.job(moving)])
    assert harness.queue.take() == [moving]
    assert not told_to_go or harness.reserve(moving, OTHER_GROUP) is Admission.ADMITTED
    assert harness.send(first)
    assert harness.reserve(moving, GROUP) is Admission.QUOTA_FULL
    harness.end(first)
    assert harness.queue.take() == [moving]


def test_p23_a_late_job_takes_no_reserved_slot(harness: Harness) -> None:
    """A job was called for one key, another for the key that its Secret holds now."""
    first, second, called = some(harness, "a/1", "a/2", "a/3")
    moving = harness.put("b/1", 9)
    for key in (first, second):
        assert harness.send(key)
    harness.bind_key(moving, OTHER_GROUP)
    harness.quota.restore([harness.job(moving), harness.job(called)])
    harness.end(first)
    assert harness.queue.take() == [moving, called]
    harness.bind_key(moving, GROUP)
    assert harness.admits(called, moving) == [called]


def test_p23_batches_that_were_open_before_the_start_hold_their_usage(
    harness: Harness,
) -> None:
    open_ = harness.put("a/1", 0, {"state": "Running", "attempt": an_attempt()})
    harness.bind_key(open_, GROUP)
    assert harness.admits(*some(harness, "b/1", "b/2")) == [Key("b", "1")]


def test_p23_after_a_restart_a_younger_job_does_not_overtake_one_that_waited_before_it() -> None:
    harness = Harness(limit=1)
    old, young = some(harness, "a/old", "a/young")
    harness.bind_key(old, GROUP)
    harness.quota.restore([harness.job(young), harness.job(old)])
    assert harness.queue.take() == [old]
    assert harness.reserve(young) is Admission.QUOTA_FULL
    assert harness.reserve(old) is Admission.ADMITTED


def test_p23_a_restored_job_that_does_not_ask_loses_its_slot() -> None:
    harness = Harness(limit=1)
    old, young = some(harness, "a/old", "a/young")
    harness.bind_key(old, GROUP)
    harness.quota.restore([harness.job(young), harness.job(old)])
    assert harness.reserve(young) is Admission.QUOTA_FULL
    harness.queue.take()
    harness.quota.release(old)
    assert harness.queue.take() == [young]
    assert harness.reserve(young) is Admission.ADMITTED


def test_p23_a_job_whose_secret_is_missing_is_not_expected() -> None:
    """Its own reconcile reports that, and it must not keep a slot from other jobs."""
    harness = Harness(limit=1)
    harness.quota.restore([harness.job(harness.put("a/1"))])
    assert harness.quota.waiting == 0
    assert harness.queue.take() == []


def test_p23_what_is_open_counts_as_soon_as_its_secret_has_been_read() -> None:
    harness = Harness(limit=1)
    open_, gone = (
        harness.put(f"a/{n}", n, {"state": "Running", "attempt": an_attempt()}) for n in (1, 2)
    )
    harness.store.remove(gone)
    harness.bind_key(open_, GROUP)
    waiting = harness.put("b/1", 3)
    assert harness.reserve(waiting) is Admission.QUOTA_FULL
    harness.end(open_)
    assert harness.queue.take() == [waiting]


def test_p23_more_open_batches_than_a_lowered_limit_allows_let_nobody_go() -> None:
    harness = Harness(limit=1)
    running = {"state": "Running", "attempt": an_attempt()}
    open_ = [harness.put(f"a/{n}", n, running) for n in range(3)]
    harness.bind_key(open_[0], GROUP)
    waiting = harness.put("b/1", 5)
    assert harness.reserve(waiting) is Admission.QUOTA_FULL
    for key in open_[:2]:
        harness.end(key)
        assert harness.queue.take() == []
    harness.end(open_[2])
    assert harness.queue.take() == [waiting]


def test_p23_an_object_of_the_same_name_is_queued_for_itself() -> None:
    harness = Harness(limit=1)
    busy = harness.put("z/busy")
    assert harness.send(busy)
    old, second = some(harness, "a/1", "a/2")
    assert harness.admits(old, second) == []
    recreated = a_job(
        namespace="a",
        name="1",
        uid=OTHER_UID,
        resourceVersion="900",
        creationTimestamp="2026-02-01T00:00:00Z",
    )
    harness.store.put(recreated)
    assert harness.reserve(old) is Admission.QUOTA_FULL
    assert order(harness, busy) == ["a/2", "a/1"]


def test_p23_a_waiting_job_has_no_alarm_and_is_not_woken(harness: Harness) -> None:
    jobs = some(harness, *(f"a/{n}" for n in range(5)))
    for key in jobs[:2]:
        assert harness.send(key)
    assert harness.admits(*jobs[2:]) == []
    assert harness.queue.alarms == {}
    assert harness.queue.take() == []


def test_a_call_that_was_lost_is_repeated_and_then_given_to_the_next(harness: Harness) -> None:
    first, second, third, fourth = some(harness, "a/1", "a/2", "a/3", "a/4")
    for key in (first, second):
        assert harness.send(key)
    assert harness.admits(third, fourth) == []
    harness.end(first)
    assert harness.queue.take() == [third]
    harness.quota.resync()
    assert harness.queue.take() == [third]
    harness.quota.resync()
    assert harness.queue.take() == [fourth]
    assert harness.reserve(third) is Admission.QUOTA_FULL


def test_nothing_is_remembered_of_keys_that_nobody_uses_any_more(harness: Harness) -> None:
    jobs = some(harness, "a/1", "b/1", "c/1")
    for key in jobs:
        harness.send(key)
    harness.quota.bind_key(a_job(namespace="d").api_key, OTHER_GROUP)
    for key in jobs:
        harness.store.remove(key)
    harness.quota.resync()
    assert harness.quota._keys.refs == ()
    assert list(harness.quota._keys) == []
    standings = harness.quota._waiters
    assert (standings._all, dict(standings._by_ref)) == ({}, {})


def order(harness: Harness, running: Key) -> list[str]:
    """Who is called, one after the other, as each of them ends."""
    called = []
    harness.end(running)
    while woken := harness.queue.take():
        [key] = woken
        called.append("/".join(key))
        assert harness.send(key)
        harness.end(key)
    return called
