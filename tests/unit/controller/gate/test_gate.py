"""Open batches for each API key: how many, who is next, and who is woken (rule P23)."""

import pytest

from gemini_operator.controller.gate.gate import Answer
from gemini_operator.controller.job import Key
from tests.unit.controller.builders import OTHER_UID, a_job, an_attempt
from tests.unit.controller.gates import GROUP, Entrance, api_key

OTHER_GROUP = "group-2"


@pytest.fixture
def entrance() -> Entrance:
    """Of two places."""
    return Entrance(limit=2)


def some(entrance: Entrance, *names: str) -> list[Key]:
    """Jobs, each a second younger than the one before."""
    return [entrance.put(name, age) for age, name in enumerate(names)]


def test_p23_a_key_with_free_places_lets_everybody_go(entrance: Entrance) -> None:
    jobs = some(entrance, "a/1", "b/1")
    assert entrance.asks_to_go(*jobs) == jobs
    assert entrance.queue.take() == [], "who asks needs no further pass"


def test_p23_no_more_go_than_there_are_places(entrance: Entrance) -> None:
    jobs = some(entrance, "a/1", "a/2", "a/3")
    assert entrance.asks_to_go(*jobs) == jobs[:2]
    assert entrance.ask(jobs[2]) is Answer.FULL
    assert entrance.gate.waiting == 1


def test_p23_who_was_told_to_go_may_ask_again(entrance: Entrance) -> None:
    """Its write-ahead met a conflict: the place is still kept for it."""
    first, second, third = some(entrance, "a/1", "a/2", "a/3")
    assert entrance.asks_to_go(first, second, first, third, first) == [first, second, first, first]


def test_p23_a_place_is_kept_from_the_answer_until_the_write_ahead_shows_it(
    entrance: Entrance,
) -> None:
    first, second, third = some(entrance, "a/1", "a/2", "a/3")
    entrance.send(first)
    assert entrance.asks_to_go(second, third) == [second]
    entrance.write_ahead(second)
    assert entrance.asks_to_go(third) == []


@pytest.mark.parametrize("end", ["end", "clear"])
def test_p23_an_end_frees_the_place_for_the_next(entrance: Entrance, end: str) -> None:
    first, second, third, fourth = some(entrance, "a/1", "a/2", "a/3", "a/4")
    for key in (first, second):
        assert entrance.send(key)
    assert entrance.asks_to_go(fourth, third) == []
    getattr(entrance, end)(first)
    assert entrance.queue.take() == [third]
    assert entrance.asks_to_go(fourth, third) == [third]


def test_p23_an_object_that_is_gone_frees_its_place(entrance: Entrance) -> None:
    first, second, third = some(entrance, "a/1", "a/2", "a/3")
    for key in (first, second):
        assert entrance.send(key)
    assert entrance.ask(third) is Answer.FULL
    entrance.store.remove(first)
    assert entrance.queue.take() == [third]


def test_p23_a_batch_whose_fate_is_unknown_holds_its_place(entrance: Entrance) -> None:
    first, second, third = some(entrance, "a/1", "a/2", "a/3")
    assert entrance.send(first)
    assert entrance.ask(second) is Answer.GO
    entrance.write_ahead(second)
    entrance.gate.leave(second)
    assert entrance.ask(third) is Answer.FULL


def test_p23_a_job_whose_attempt_came_to_nothing_waits_like_any_other(entrance: Entrance) -> None:
    """Also when nobody has told of its answer, as after a write-ahead that landed unnoticed."""
    first, second, third = some(entrance, "a/1", "a/2", "a/3")
    assert entrance.asks_to_go(first, second, third) == [first, second]
    entrance.write_ahead(first)
    entrance.clear(first)
    assert entrance.queue.take() == [third]
    assert entrance.asks_to_go(first, third) == [third]
    entrance.write_ahead(third)
    entrance.end(third)
    assert entrance.queue.take() == [first]


@pytest.mark.parametrize("how", ["leave", "remove"])
def test_p23_a_called_job_that_does_not_come_is_passed_over(entrance: Entrance, how: str) -> None:
    first, second, third, fourth = some(entrance, "a/1", "a/2", "a/3", "a/4")
    for key in (first, second):
        assert entrance.send(key)
    assert entrance.asks_to_go(third, fourth) == []
    entrance.end(first)
    assert entrance.queue.take() == [third]
    if how == "leave":
        entrance.gate.leave(third)
    else:
        entrance.store.remove(third)
    assert entrance.queue.take() == [fourth]


def test_p23_a_job_that_leaves_while_it_waits_is_called_by_nobody(entrance: Entrance) -> None:
    first, second, third, fourth = some(entrance, "a/1", "a/2", "a/3", "a/4")
    for key in (first, second):
        assert entrance.send(key)
    assert entrance.asks_to_go(third, fourth) == []
    entrance.gate.leave(third)
    entrance.end(first)
    assert entrance.queue.take() == [fourth]


def test_p23_whoever_comes_first_does_not_overtake_one_that_was_called(entrance: Entrance) -> None:
    first, second, third = some(entrance, "a/1", "a/2", "a/3")
    for key in (first, second):
        assert entrance.send(key)
    assert entrance.ask(third) is Answer.FULL
    entrance.end(first)
    newcomer = entrance.put("b/1", 9)
    assert entrance.ask(newcomer) is Answer.FULL
    assert entrance.ask(third) is Answer.GO


def test_p23_inside_a_namespace_the_oldest_goes_first_then_by_name() -> None:
    entrance = Entrance(limit=1)
    busy = entrance.put("z/busy", 0)
    assert entrance.send(busy)
    waiting = [entrance.put(f"a/{name}", age) for name, age in [("d", 2), ("c", 1), ("b", 1)]]
    assert entrance.asks_to_go(*waiting) == []
    assert order(entrance, busy) == ["a/b", "a/c", "a/d"]


def test_p23_the_namespace_with_the_fewest_open_places_goes_first() -> None:
    entrance = Entrance(limit=3)
    busy = some(entrance, "a/1", "a/2", "b/1")
    for key in busy:
        assert entrance.send(key)
    waiting = [entrance.put(name, age) for name, age in [("a/3", 3), ("b/2", 4), ("c/1", 5)]]
    assert entrance.asks_to_go(*waiting) == []
    entrance.end(busy[0])
    assert entrance.queue.take() == [Key("c", "1")], "a and b have one place each, c has none"
    assert entrance.send(Key("c", "1"))
    entrance.end(busy[1])
    assert entrance.queue.take() == [Key("a", "3")], "now a has none"
    assert entrance.send(Key("a", "3"))
    entrance.end(busy[2])
    assert entrance.queue.take() == [Key("b", "2")]


def test_p23_of_namespaces_with_as_many_places_the_one_that_waits_longest_goes_first() -> None:
    entrance = Entrance(limit=1)
    busy = entrance.put("z/busy", 0)
    assert entrance.send(busy)
    for name, age in [("a/1", 3), ("b/1", 1), ("c/1", 2)]:
        assert entrance.ask(entrance.put(name, age)) is Answer.FULL
    assert order(entrance, busy) == ["b/1", "c/1", "a/1"]


def test_p23_a_namespace_with_many_jobs_takes_turns_with_the_others() -> None:
    entrance = Entrance(limit=2)
    for age in range(6):
        entrance.ask(entrance.put(f"big/{age}", age))
    for age in range(6, 8):
        entrance.ask(entrance.put(f"small/{age}", age))
    for key in (Key("big", "0"), Key("big", "1")):
        assert entrance.send(key)
    sent = []
    running = [Key("big", "0"), Key("big", "1")]
    while running:
        entrance.end(running.pop(0))
        for key in entrance.queue.take():
            assert entrance.send(key)
            running.append(key)
            sent.append("/".join(key))
    assert sent == ["small/6", "big/2", "small/7", "big/3", "big/4", "big/5"]


def test_p23_another_key_does_not_wait_for_the_first(entrance: Entrance) -> None:
    jobs = some(entrance, "a/1", "a/2", "a/3")
    for key in jobs[:2]:
        assert entrance.send(key)
    other = {"name": "other", "key": "api-key"}
    stranger = entrance.put("a/4", 4, apiKeySecretRef=other)
    assert entrance.ask(jobs[2]) is Answer.FULL
    assert entrance.ask(stranger, OTHER_GROUP) is Answer.GO


def test_p23_secrets_of_several_namespaces_with_one_key_share_its_places(
    entrance: Entrance,
) -> None:
    jobs = some(entrance, "a/1", "b/1", "c/1")
    assert entrance.asks_to_go(*jobs) == jobs[:2]
    assert entrance.asks_to_go(entrance.put("d/1"), group=OTHER_GROUP) == [Key("d", "1")]


def test_p23_whoever_waits_goes_along_with_the_secret(entrance: Entrance) -> None:
    """Its new key may have free places, and nobody asks on its behalf."""
    busy, waiting = some(entrance, "a/1", "a/2"), entrance.put("b/1", 3)
    for key in busy:
        assert entrance.send(key)
    assert entrance.ask(waiting) is Answer.FULL
    entrance.learn(waiting, OTHER_GROUP)
    assert entrance.queue.take() == [waiting]
    assert entrance.ask(waiting, OTHER_GROUP) is Answer.GO


def test_p23_a_place_that_is_kept_moves_with_the_secret(entrance: Entrance) -> None:
    first, second = some(entrance, "a/1", "b/1")
    assert entrance.asks_to_go(first, second) == [first, second]
    entrance.learn(first, OTHER_GROUP)
    assert entrance.asks_to_go(first, group=OTHER_GROUP) == [first]
    entrance.write_ahead(first)
    others = some(entrance, "c/1", "c/2")
    assert entrance.asks_to_go(*others) == others[:1]


@pytest.mark.parametrize("told_to_go", [False, True])
def test_p23_a_call_for_one_key_is_none_for_another(told_to_go: bool) -> None:
    """Found by a history: the Secret got the key of a full line, and its job went all the same."""
    entrance = Entrance(limit=1)
    [first, moving] = some(entrance, "a/1", "b/1")
    entrance.learn(moving, OTHER_GROUP)
    entrance.gate.expect([entrance.job(moving)])
    assert entrance.queue.take() == [moving]
    assert not told_to_go or entrance.ask(moving, OTHER_GROUP) is Answer.GO
    assert entrance.send(first)
    assert entrance.ask(moving, GROUP) is Answer.FULL
    entrance.end(first)
    assert entrance.queue.take() == [moving]


def test_p23_whoever_comes_along_takes_nobodys_place(entrance: Entrance) -> None:
    """A job was called for one key, another for the key that its Secret holds now."""
    first, second, called = some(entrance, "a/1", "a/2", "a/3")
    moving = entrance.put("b/1", 9)
    for key in (first, second):
        assert entrance.send(key)
    entrance.learn(moving, OTHER_GROUP)
    entrance.gate.expect([entrance.job(moving), entrance.job(called)])
    entrance.end(first)
    assert entrance.queue.take() == [moving, called]
    entrance.learn(moving, GROUP)
    assert entrance.asks_to_go(called, moving) == [called]


def test_p23_batches_that_were_open_before_the_start_hold_their_places(
    entrance: Entrance,
) -> None:
    open_ = entrance.put("a/1", 0, {"state": "Running", "attempt": an_attempt()})
    entrance.learn(open_, GROUP)
    assert entrance.asks_to_go(*some(entrance, "b/1", "b/2")) == [Key("b", "1")]


def test_p23_after_a_restart_a_younger_job_does_not_overtake_one_that_waited_before_it() -> None:
    entrance = Entrance(limit=1)
    old, young = some(entrance, "a/old", "a/young")
    entrance.learn(old, GROUP)
    entrance.gate.expect([entrance.job(young), entrance.job(old)])
    assert entrance.queue.take() == [old]
    assert entrance.ask(young) is Answer.FULL
    assert entrance.ask(old) is Answer.GO


def test_p23_an_expected_job_that_does_not_ask_is_passed_over() -> None:
    entrance = Entrance(limit=1)
    old, young = some(entrance, "a/old", "a/young")
    entrance.learn(old, GROUP)
    entrance.gate.expect([entrance.job(young), entrance.job(old)])
    assert entrance.ask(young) is Answer.FULL
    entrance.queue.take()
    entrance.gate.leave(old)
    assert entrance.queue.take() == [young]
    assert entrance.ask(young) is Answer.GO


def test_p23_a_job_whose_secret_is_missing_is_not_expected() -> None:
    """It says so itself, and must not keep a place from others."""
    entrance = Entrance(limit=1)
    entrance.gate.expect([entrance.job(entrance.put("a/1"))])
    assert entrance.gate.waiting == 0
    assert entrance.queue.take() == []


def test_p23_what_is_open_counts_as_soon_as_its_secret_has_been_read() -> None:
    entrance = Entrance(limit=1)
    open_, gone = (
        entrance.put(f"a/{n}", n, {"state": "Running", "attempt": an_attempt()}) for n in (1, 2)
    )
    entrance.store.remove(gone)
    entrance.learn(open_, GROUP)
    waiting = entrance.put("b/1", 3)
    assert entrance.ask(waiting) is Answer.FULL
    entrance.end(open_)
    assert entrance.queue.take() == [waiting]


def test_p23_more_open_batches_than_a_lowered_limit_allows_let_nobody_go() -> None:
    entrance = Entrance(limit=1)
    running = {"state": "Running", "attempt": an_attempt()}
    open_ = [entrance.put(f"a/{n}", n, running) for n in range(3)]
    entrance.learn(open_[0], GROUP)
    waiting = entrance.put("b/1", 5)
    assert entrance.ask(waiting) is Answer.FULL
    for key in open_[:2]:
        entrance.end(key)
        assert entrance.queue.take() == []
    entrance.end(open_[2])
    assert entrance.queue.take() == [waiting]


def test_p23_an_object_of_the_same_name_stands_in_line_for_itself() -> None:
    entrance = Entrance(limit=1)
    busy = entrance.put("z/busy")
    assert entrance.send(busy)
    old, second = some(entrance, "a/1", "a/2")
    assert entrance.asks_to_go(old, second) == []
    recreated = a_job(
        namespace="a",
        name="1",
        uid=OTHER_UID,
        resourceVersion="900",
        creationTimestamp="2026-02-01T00:00:00Z",
    )
    entrance.store.put(recreated)
    assert entrance.ask(old) is Answer.FULL
    assert order(entrance, busy) == ["a/2", "a/1"]


def test_p23_a_waiting_job_has_no_alarm_and_is_not_woken(entrance: Entrance) -> None:
    jobs = some(entrance, *(f"a/{n}" for n in range(5)))
    for key in jobs[:2]:
        assert entrance.send(key)
    assert entrance.asks_to_go(*jobs[2:]) == []
    assert entrance.queue.alarms == {}
    assert entrance.queue.take() == []


def test_a_call_that_was_lost_is_repeated_and_then_given_to_the_next(entrance: Entrance) -> None:
    first, second, third, fourth = some(entrance, "a/1", "a/2", "a/3", "a/4")
    for key in (first, second):
        assert entrance.send(key)
    assert entrance.asks_to_go(third, fourth) == []
    entrance.end(first)
    assert entrance.queue.take() == [third]
    entrance.gate.remind()
    assert entrance.queue.take() == [third]
    entrance.gate.remind()
    assert entrance.queue.take() == [fourth]
    assert entrance.ask(third) is Answer.FULL


def test_nothing_is_remembered_of_keys_that_nobody_uses_any_more(entrance: Entrance) -> None:
    jobs = some(entrance, "a/1", "b/1", "c/1")
    for key in jobs:
        entrance.send(key)
    entrance.gate.learn(api_key(a_job(namespace="d")), OTHER_GROUP)
    for key in jobs:
        entrance.store.remove(key)
    entrance.gate.remind()
    assert entrance.gate._groups.refs == ()
    assert list(entrance.gate._groups) == []
    standings = entrance.gate._standings
    assert (standings._all, dict(standings._by_ref)) == ({}, {})


def order(entrance: Entrance, running: Key) -> list[str]:
    """Who is called, one after the other, as each of them ends."""
    called = []
    entrance.end(running)
    while woken := entrance.queue.take():
        [key] = woken
        called.append("/".join(key))
        assert entrance.send(key)
        entrance.end(key)
    return called
