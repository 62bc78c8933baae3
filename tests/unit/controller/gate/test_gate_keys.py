"""An open batch counts for the key that created it, whatever its Secret holds now (rule P23)."""

from functools import partial

import pytest

from gemini_operator.controller.gate.gate import Answer
from gemini_operator.controller.job import Key
from tests.unit.controller.builders import a_job, an_attempt
from tests.unit.controller.gates import GROUP, Entrance, api_key, named

OTHER_GROUP, THIRD_GROUP = "group-2", "group-3"
LIMIT = 3


@pytest.fixture
def entrance() -> Entrance:
    return Entrance(LIMIT)


def filled(entrance: Entrance, namespace: str, group: str = GROUP) -> list[Key]:
    """As many open batches of one namespace as one key may have."""
    keys = [entrance.put(f"{namespace}/open-{n}", n) for n in range(LIMIT)]
    for key in keys:
        assert entrance.send(key, group)
    return keys


def restarted(entrance: Entrance, *learnt: tuple[Key, str]) -> Entrance:
    """Only what is stored is left; these Secrets have been read."""
    after = Entrance(LIMIT, clock=entrance.clock)
    for job in entrance.store:
        after.store.put(job)
    after._version, after.asked = entrance._version, entrance.asked
    for key, group in learnt:
        after.learn(key, group)
    after.gate.expect([])
    return after


def test_p23_a_secret_changed_to_a_shared_key_takes_no_places_of_it(entrance: Entrance) -> None:
    filled(entrance, "own")
    tenant = entrance.put("tenant/job", 5)
    entrance.learn(tenant, OTHER_GROUP)
    entrance.learn(Key("own", "open-0"), OTHER_GROUP)
    assert entrance.ask(tenant, OTHER_GROUP) is Answer.GO
    more = entrance.put("own/more", 6)
    assert entrance.ask(more, OTHER_GROUP) is Answer.GO


def test_p23_a_secret_changed_away_from_a_shared_key_frees_no_places_of_it(
    entrance: Entrance,
) -> None:
    """Otherwise each change of a Secret would allow as many batches again."""
    opened = filled(entrance, "own")
    entrance.learn(opened[0], OTHER_GROUP)
    tenant = entrance.put("tenant/job", 5)
    assert entrance.ask(tenant) is Answer.FULL
    entrance.end(opened[0])
    assert entrance.queue.take() == [tenant]


def test_p23_a_key_that_was_changed_back_has_what_it_had(entrance: Entrance) -> None:
    opened = filled(entrance, "own")
    entrance.learn(opened[0], OTHER_GROUP)
    filled_too = [entrance.put(f"own/other-{n}", n) for n in range(LIMIT)]
    for key in filled_too:
        assert entrance.send(key, OTHER_GROUP)
    entrance.learn(opened[0], GROUP)
    assert entrance.ask(entrance.put("own/more", 9)) is Answer.FULL
    entrance.learn(opened[0], OTHER_GROUP)
    assert entrance.ask(entrance.put("own/more", 9), OTHER_GROUP) is Answer.FULL


@pytest.mark.parametrize("known_to", ["own", "tenant", "nobody"])
def test_p23_after_a_restart_a_batch_counts_for_whichever_known_key_created_it(
    entrance: Entrance, known_to: str
) -> None:
    opened = filled(entrance, "own")
    tenant = entrance.put("tenant/job", 5)
    now = GROUP if known_to == "own" else OTHER_GROUP
    others = [(tenant, GROUP)] if known_to == "tenant" else []
    after = restarted(entrance, (opened[0], now), *others)
    # A key that nobody knew is compared when it is learnt.
    assert after.ask(tenant) is Answer.FULL
    assert after.ask(after.put("own/more", 6), THIRD_GROUP) is Answer.GO
    after.end(opened[0])
    assert after.queue.take() == [tenant]


def test_p23_a_batch_of_an_unknown_key_ends_without_a_trace(entrance: Entrance) -> None:
    opened = filled(entrance, "own")
    after = restarted(entrance, (opened[0], OTHER_GROUP))
    for key in opened:
        after.end(key)
    assert after.ask(after.put("tenant/job", 5)) is Answer.GO
    assert dict(after.gate._groups._unknown) == {}


def test_p23_a_batch_that_is_created_while_the_secret_changes_counts_for_the_key_it_was_sent_with(
    entrance: Entrance,
) -> None:
    sent = entrance.put("own/sent")
    assert entrance.ask(sent) is Answer.GO
    entrance.learn(sent, OTHER_GROUP)
    others = [entrance.put(f"tenant/{n}", n) for n in range(LIMIT)]
    assert entrance.asks_to_go(*others) == others[: LIMIT - 1], "its place is kept"
    entrance.write_ahead(sent)
    assert entrance.ask(others[-1]) is Answer.FULL
    rest = [entrance.put(f"own/{n}", n) for n in range(LIMIT)]
    assert entrance.asks_to_go(*rest, group=OTHER_GROUP) == rest


def test_p23_a_429_of_the_old_key_lets_its_job_wait_for_the_new_one(entrance: Entrance) -> None:
    sent = entrance.put("own/sent")
    assert entrance.ask(sent) is Answer.GO
    entrance.write_ahead(sent)
    elsewhere = entrance.put("tenant/job", 1)
    assert entrance.ask(elsewhere) is Answer.GO
    entrance.learn(sent, OTHER_GROUP)
    entrance.throttled(sent)
    entrance.clear(sent)
    assert entrance.queue.take() == [sent]
    assert entrance.ask(sent, OTHER_GROUP) is Answer.GO


def test_p25_an_adopted_batch_counts_for_the_key_that_adopted_it(entrance: Entrance) -> None:
    adopted = entrance.put(
        "own/adopted", 0, {"state": "Running", "attempt": an_attempt()}, group=OTHER_GROUP
    )
    entrance.learn(adopted, OTHER_GROUP)
    entrance.learn(adopted, GROUP)
    assert len(entrance.asks_to_go(*[entrance.put(f"a/{n}", n) for n in range(LIMIT)])) == LIMIT
    rest = [entrance.put(f"b/{n}", n) for n in range(LIMIT)]
    assert len(entrance.asks_to_go(*rest, group=OTHER_GROUP)) == LIMIT - 1


@pytest.mark.parametrize("read_before", [True, False])
def test_p23_a_batch_of_which_nobody_wrote_down_the_key_counts_for_that_of_its_secret(
    read_before: bool,
) -> None:
    entrance = Entrance(limit=1)
    attempt = {name: value for name, value in an_attempt().items() if name != "apiKeyFingerprint"}
    job = a_job(namespace="a", status={"state": "Running", "attempt": attempt})
    if read_before:
        entrance.gate.learn(api_key(job), GROUP, partial(named, GROUP))
        entrance.gate.expect([])
    entrance.store.put(job)
    entrance.gate.learn(api_key(job), GROUP, partial(named, GROUP))
    assert entrance.ask(entrance.put("b/waiting")) is Answer.FULL


def test_p25_who_was_called_waits_again_if_an_adoption_has_taken_the_last_place() -> None:
    """An adopted batch is open already, and asks nobody."""
    entrance = Entrance(limit=1)
    called = entrance.put("a/called")
    entrance.learn(called, GROUP)
    entrance.gate.expect([entrance.job(called)])
    assert entrance.queue.take() == [called]
    adopted = entrance.put("b/adopted", 1, {"state": "Running", "attempt": an_attempt()})
    assert entrance.ask(called) is Answer.FULL
    entrance.end(adopted)
    assert entrance.queue.take() == [called]


def test_p23_several_keys_that_nobody_knew_are_learnt_one_after_the_other(
    entrance: Entrance,
) -> None:
    opened = [*filled(entrance, "a"), *filled(entrance, "b", OTHER_GROUP)]
    after = restarted(entrance, (opened[0], THIRD_GROUP), (opened[-1], THIRD_GROUP))
    assert after.ask(after.put("c/1", 8), OTHER_GROUP) is Answer.FULL
    assert after.ask(after.put("d/1", 9)) is Answer.FULL
    assert after.ask(after.put("a/1", 9), THIRD_GROUP) is Answer.GO


def test_nothing_is_left_of_a_key_once_its_last_batch_has_ended(entrance: Entrance) -> None:
    opened = filled(entrance, "own")
    entrance.learn(opened[0], OTHER_GROUP)
    for key in opened:
        entrance.store.remove(key)
    entrance.gate.remind()
    assert list(entrance.gate._groups) == []
    assert entrance.gate._groups._counted == {}
