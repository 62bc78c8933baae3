"""An API key that Google refuses: all wait, one tries, and no namespace waits behind another."""

import pytest

from gemini_operator.controller.gate.backoff import BASE, CAP
from gemini_operator.controller.gate.gate import Answer
from gemini_operator.controller.job import Key
from tests.unit.controller.gates import GROUP, Entrance

NAMESPACES = ("a", "b", "c")


@pytest.fixture
def entrance() -> Entrance:
    return Entrance(limit=100)


def refuse(entrance: Entrance, key: Key) -> None:
    """A whole pass over a job that is told to go and whose key is refused."""
    assert entrance.ask(key) is Answer.GO
    entrance.write_ahead(key)
    entrance.gate.refused(GROUP, entrance.job(key))
    entrance.clear(key)


def next_try(entrance: Entrance) -> Key:
    """Who is woken once the longest back-off is over; it may go, and nobody else."""
    entrance.queue.take()
    entrance.clock.advance(CAP)
    [key] = [key for key in entrance.queue.take() if entrance.ask(key) is Answer.GO]
    return key


def test_p10_a_refused_key_is_not_tried_until_its_back_off_ends(entrance: Entrance) -> None:
    first, second = entrance.put("a/1"), entrance.put("b/1", 1)
    refuse(entrance, first)
    assert [entrance.ask(key) for key in (first, second)] == [Answer.REFUSED] * 2
    assert entrance.ask(entrance.put("d/1"), "group-2") is Answer.GO
    entrance.clock.advance(BASE)
    assert entrance.ask(second) is Answer.GO


def test_p10_nobody_is_called_while_google_refuses_the_key() -> None:
    """Ten thousand jobs would each say so in their status, and again every minute."""
    entrance = Entrance(limit=1)
    jobs = [entrance.put(f"a/{n}", n) for n in range(3)]
    assert entrance.asks_to_go(*jobs) == jobs[:1]
    entrance.write_ahead(jobs[0])
    entrance.gate.refused(GROUP, entrance.job(jobs[0]))
    entrance.clear(jobs[0])
    assert entrance.queue.take() == []
    assert list(entrance.queue.alarms) == [jobs[1]], "one alarm, of who is next"
    assert next_try(entrance) == jobs[1]


def test_p10_a_key_refused_again_and_again_waits_longer_up_to_a_cap(entrance: Entrance) -> None:
    key = entrance.put("a/1")
    waits = []
    for _ in range(12):
        assert entrance.ask(key) is Answer.GO
        begun = entrance.clock.monotonic()
        entrance.gate.refused(GROUP, entrance.job(key))
        waits.append(min(entrance.queue.alarms.values()) - begun)
        entrance.clock.advance(waits[-1])
        entrance.queue.take()
        entrance.gate.remind()
    assert BASE / 2 <= waits[0] <= BASE
    assert all(CAP / 2 <= wait <= CAP for wait in waits[-4:])


def test_p10_the_next_try_after_a_refusal_belongs_to_another_namespace(entrance: Entrance) -> None:
    keys = [entrance.put(f"{name}/{n}", n) for n in range(2) for name in NAMESPACES]
    refuse(entrance, keys[0])
    assert [entrance.ask(key) for key in keys] == [Answer.REFUSED] * 6
    tried = []
    for _ in range(8):
        tried.append(next_try(entrance))
        refuse(entrance, tried[-1])
    assert ["/".join(key) for key in tried] == [
        *("b/0", "c/0", "a/1", "b/1", "c/1", "a/0", "b/0", "c/0")
    ]


def test_p10_creates_that_were_under_way_together_are_one_refusal(entrance: Entrance) -> None:
    """Twelve answers at once are no twelve failures, which would be five minutes."""
    keys = [entrance.put(f"a/{n}", n) for n in range(12)]
    assert entrance.asks_to_go(*keys) == keys
    for key in keys:
        entrance.write_ahead(key)
    for key in keys:
        entrance.gate.refused(GROUP, entrance.job(key))
        entrance.clear(key)
    entrance.clock.advance(BASE)
    assert len(entrance.asks_to_go(*keys)) == 1


def test_p10_a_job_that_is_refused_for_its_own_reasons_says_nothing_about_the_key(
    entrance: Entrance,
) -> None:
    """Neither is the refusal renewed, nor does anybody wait longer."""
    first, bad, last = entrance.put("a/1"), entrance.put("b/bad", 1), entrance.put("c/1", 2)
    refuse(entrance, first)
    assert entrance.asks_to_go(bad, last) == []
    assert next_try(entrance) == bad
    entrance.write_ahead(bad)
    entrance.queue.take()
    entrance.gate.leave(bad)
    entrance.clear(bad)
    assert entrance.queue.take() == [last]
    assert entrance.ask(last) is Answer.GO


@pytest.mark.parametrize("answer", ["accepted", "throttled"])
def test_p10_a_key_that_google_knows_is_trusted_again(entrance: Entrance, answer: str) -> None:
    first, second, other = (
        entrance.put("a/1"),
        entrance.put("b/1", 1),
        entrance.put("c/1", model="m"),
    )
    refuse(entrance, first)
    assert entrance.asks_to_go(second, other) == []
    trying = next_try(entrance)
    entrance.write_ahead(trying)
    if answer == "accepted":
        entrance.passed(trying)
    else:
        entrance.throttled(trying)
    assert entrance.ask(other if trying != other else second) is Answer.GO


def test_p10_another_key_in_the_secret_is_tried_at_once(entrance: Entrance) -> None:
    first, second = entrance.put("a/1"), entrance.put("b/1", 1)
    refuse(entrance, first)
    assert entrance.ask(second) is Answer.REFUSED
    assert entrance.ask(first, "group-2") is Answer.GO


def test_p10_the_refusal_of_a_key_that_nobody_uses_any_more_concerns_nobody(
    entrance: Entrance,
) -> None:
    key = entrance.put("a/1")
    assert entrance.ask(key) is Answer.GO
    entrance.gate.refused("group-9", entrance.job(key))
    assert entrance.gate.waiting == 0


def test_a_refusal_that_nobody_waits_for_is_forgotten(entrance: Entrance) -> None:
    key = entrance.put("a/1")
    refuse(entrance, key)
    entrance.store.remove(key)
    entrance.clock.advance(CAP)
    entrance.gate.remind()
    assert list(entrance.gate._groups) == []
