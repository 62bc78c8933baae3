"""An API key that Google refuses: all wait, one tries, and no namespace waits behind another."""

import pytest

from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.quota import Admission
from gemini_operator.controller.quota.throttle import BASE, CAP
from tests.unit.controller.quotas import GROUP, Harness

NAMESPACES = ("a", "b", "c")


@pytest.fixture
def harness() -> Harness:
    return Harness(limit=100)


def refuse(harness: Harness, key: Key) -> None:
    """A whole reconcile of a job that is admitted and whose key is refused."""
    assert harness.reserve(key) is Admission.ADMITTED
    harness.write_ahead(key)
    harness.quota.refused(GROUP, harness.job(key))
    harness.clear(key)


def next_try(harness: Harness) -> Key:
    """Who is woken once the longest back-off is over; it may go, and nobody else."""
    harness.queue.take()
    harness.clock.advance(CAP)
    [key] = [key for key in harness.queue.take() if harness.reserve(key) is Admission.ADMITTED]
    return key


def test_p10_a_refused_key_is_not_tried_until_its_back_off_ends(harness: Harness) -> None:
    first, second = harness.put("a/1"), harness.put("b/1", 1)
    refuse(harness, first)
    assert [harness.reserve(key) for key in (first, second)] == [Admission.REFUSED] * 2
    assert harness.reserve(harness.put("d/1"), "group-2") is Admission.ADMITTED
    harness.clock.advance(BASE)
    assert harness.reserve(second) is Admission.ADMITTED


def test_p10_nobody_is_called_while_google_refuses_the_key() -> None:
    """Ten thousand jobs would each say so in their status, and again every minute."""
    harness = Harness(limit=1)
    jobs = [harness.put(f"a/{n}", n) for n in range(3)]
    assert harness.admits(*jobs) == jobs[:1]
    harness.write_ahead(jobs[0])
    harness.quota.refused(GROUP, harness.job(jobs[0]))
    harness.clear(jobs[0])
    assert harness.queue.take() == []
    assert list(harness.queue.alarms) == [jobs[1]], "one alarm, of who is next"
    assert next_try(harness) == jobs[1]


def test_p10_a_key_refused_again_and_again_waits_longer_up_to_a_cap(harness: Harness) -> None:
    key = harness.put("a/1")
    waits = []
    for _ in range(12):
        assert harness.reserve(key) is Admission.ADMITTED
        begun = harness.clock.monotonic()
        harness.quota.refused(GROUP, harness.job(key))
        waits.append(min(harness.queue.alarms.values()) - begun)
        harness.clock.advance(waits[-1])
        harness.queue.take()
        harness.quota.resync()
    assert BASE / 2 <= waits[0] <= BASE
    assert all(CAP / 2 <= wait <= CAP for wait in waits[-4:])


def test_p10_the_next_try_after_a_refusal_belongs_to_another_namespace(harness: Harness) -> None:
    keys = [harness.put(f"{name}/{n}", n) for n in range(2) for name in NAMESPACES]
    refuse(harness, keys[0])
    assert [harness.reserve(key) for key in keys] == [Admission.REFUSED] * 6
    tried = []
    for _ in range(8):
        tried.append(next_try(harness))
        refuse(harness, tried[-1])
    assert ["/".join(key) for key in tried] == [
        *("b/0", "c/0", "a/1", "b/1", "c/1", "a/0", "b/0", "c/0")
    ]


def test_p10_creates_that_were_under_way_together_are_one_refusal(harness: Harness) -> None:
    """Twelve answers at once are no twelve failures, which would be five minutes."""
    keys = [harness.put(f"a/{n}", n) for n in range(12)]
    assert harness.admits(*keys) == keys
    for key in keys:
        harness.write_ahead(key)
    for key in keys:
        harness.quota.refused(GROUP, harness.job(key))
        harness.clear(key)
    harness.clock.advance(BASE)
    assert len(harness.admits(*keys)) == 1


def test_p10_a_job_that_is_refused_for_its_own_reasons_says_nothing_about_the_key(
    harness: Harness,
) -> None:
    """Neither is the refusal renewed, nor does anybody wait longer."""
    first, bad, last = harness.put("a/1"), harness.put("b/bad", 1), harness.put("c/1", 2)
    refuse(harness, first)
    assert harness.admits(bad, last) == []
    assert next_try(harness) == bad
    harness.write_ahead(bad)
    harness.queue.take()
    harness.quota.release(bad)
    harness.clear(bad)
    assert harness.queue.take() == [last]
    assert harness.reserve(last) is Admission.ADMITTED


@pytest.mark.parametrize("answer", ["accepted", "throttled"])
def test_p10_a_key_that_google_knows_is_trusted_again(harness: Harness, answer: str) -> None:
    first, second, other = (
        harness.put("a/1"),
        harness.put("b/1", 1),
        harness.put("c/1", model="m"),
    )
    refuse(harness, first)
    assert harness.admits(second, other) == []
    trying = next_try(harness)
    harness.write_ahead(trying)
    if answer == "accepted":
        harness.passed(trying)
    else:
        harness.throttled(trying)
    assert harness.reserve(other if trying != other else second) is Admission.ADMITTED


def test_p10_another_key_in_the_secret_is_tried_at_once(harness: Harness) -> None:
    first, second = harness.put("a/1"), harness.put("b/1", 1)
    refuse(harness, first)
    assert harness.reserve(second) is Admission.REFUSED
    assert harness.reserve(first, "group-2") is Admission.ADMITTED


def test_p10_the_refusal_of_a_key_that_nobody_uses_any_more_concerns_nobody(
    harness: Harness,
) -> None:
    key = harness.put("a/1")
    assert harness.reserve(key) is Admission.ADMITTED
    harness.quota.refused("group-9", harness.job(key))
    assert harness.quota.waiting == 0


def test_a_refusal_that_nobody_waits_for_is_forgotten(harness: Harness) -> None:
    key = harness.put("a/1")
    refuse(harness, key)
    harness.store.remove(key)
    harness.clock.advance(CAP)
    harness.quota.resync()
    assert list(harness.quota._keys) == []
