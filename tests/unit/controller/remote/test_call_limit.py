"""A share of the calls for each key and for each namespace."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.job import Key
from gemini_operator.controller.remote.call_limit import Busy, CallLimit


class Woken:
    """A queue that remembers who was woken, in order."""

    def __init__(self) -> None:
        self.keys: list[Key] = []

    def add(self, key: Key) -> None:
        self.keys.append(key)

    def add_after(self, key: Key, seconds: float) -> None:
        raise AssertionError((key, seconds))


def job(name: str, namespace: str = "a") -> Key:
    return Key(namespace, name)


def full(share: int = 2) -> tuple[CallLimit, Woken]:
    """The share of key `k` is taken, by namespaces `a` and `b`."""
    woken = Woken()
    calls = CallLimit(share, woken)
    calls.enter(job("1"), "k")
    calls.enter(job("2", "b"), "k")
    return calls, woken


def test_another_key_and_namespace_goes_on_while_one_key_hangs() -> None:
    calls, _ = full()
    with pytest.raises(Busy):
        calls.enter(job("3", "c"), "k")
    calls.enter(job("4", "c"), "other")
    calls.enter(job("5", "c"), "third")


def test_a_namespace_with_many_keys_has_its_share_too() -> None:
    calls = CallLimit(2, Woken())
    calls.enter(job("1"), "k1")
    calls.enter(job("2"), "k2")
    with pytest.raises(Busy):
        calls.enter(job("3"), "k3")
    calls.enter(job("1", "b"), "k3")


def test_who_is_inside_stays_so_until_it_leaves() -> None:
    calls, _ = full()
    calls.enter(job("1"), "k")
    calls.leave(job("1"))
    calls.enter(job("3"), "k")


def test_namespaces_take_turns_and_nobody_overtakes_who_was_called() -> None:
    calls, woken = full()
    for name, namespace in (("3", "c"), ("4", "c"), ("5", "d")):
        with pytest.raises(Busy):
            calls.enter(job(name, namespace), "k")
    assert calls.waiting == 3
    calls.leave(job("1"))
    assert woken.keys == [job("3", "c")]
    with pytest.raises(Busy):
        calls.enter(job("6", "e"), "k")
    calls.enter(job("3", "c"), "k")
    calls.leave(job("3", "c"))
    calls.leave(job("2", "b"))
    assert woken.keys == [job("3", "c"), job("5", "d"), job("4", "c")]


def test_who_was_called_and_has_nothing_to_ask_makes_room() -> None:
    calls, woken = full()
    with pytest.raises(Busy):
        calls.enter(job("3", "c"), "k")
    calls.leave(job("1"))
    calls.leave(job("3", "c"))
    calls.enter(job("4", "c"), "k")
    assert woken.keys == [job("3", "c")]


def test_who_asks_again_while_it_waits_keeps_its_turn() -> None:
    """Its reconcile ends each time, and may begin again for another reason."""
    calls, woken = full()
    for name in ("3", "4", "3"):
        with pytest.raises(Busy):
            calls.enter(job(name, "c"), "k")
        calls.leave(job(name, "c"))
    calls.leave(job("1"))
    assert woken.keys == [job("3", "c")]


def test_a_job_whose_key_was_changed_counts_for_the_new_one() -> None:
    calls, _ = full()
    calls.enter(job("1"), "other")
    calls.enter(job("3", "c"), "k")


JOBS = st.tuples(st.sampled_from("abc"), st.sampled_from("12345")).map(lambda at: Key(*at))
STEPS = st.lists(st.tuples(st.sampled_from(["enter", "leave"]), JOBS, st.sampled_from("kl")))


@given(STEPS, st.integers(1, 3))
def test_no_share_is_exceeded_and_nobody_is_forgotten(
    steps: list[tuple[str, Key, str]], share: int
) -> None:
    woken = Woken()
    calls = CallLimit(share, woken)
    inside: dict[Key, str] = {}
    waiting: dict[Key, str] = {}
    for step, key, group in steps:
        seen = len(woken.keys)
        if step == "leave":
            calls.leave(key)
            inside.pop(key, None)
        else:
            try:
                calls.enter(key, group)
                inside[key] = group
                waiting.pop(key, None)
            except Busy:
                inside.pop(key, None)
                waiting[key] = group
        for called in woken.keys[seen:]:
            inside[called] = waiting.pop(called)
        assert max(Counter(inside.values()).values(), default=0) <= share
        assert max(Counter(key.namespace for key in inside).values(), default=0) <= share
        assert calls.waiting == len(waiting)
    for _ in range(len(inside) + len(waiting)):
        seen = len(woken.keys)
        key = next(iter(inside))
        calls.leave(key)
        del inside[key]
        inside |= {called: waiting.pop(called) for called in woken.keys[seen:]}
    assert (inside, waiting, calls.waiting) == ({}, {}, 0)
