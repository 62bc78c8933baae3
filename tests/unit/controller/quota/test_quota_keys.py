"""An open batch counts for the key that created it, whatever its Secret holds now (rule P23)."""

from functools import partial

import pytest

from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.quota import Admission
from tests.unit.controller.builders import a_job, an_attempt
from tests.unit.controller.quotas import GROUP, Harness, named

OTHER_GROUP, THIRD_GROUP = "group-2", "group-3"
LIMIT = 3


@pytest.fixture
def harness() -> Harness:
    return Harness(LIMIT)


def filled(harness: Harness, namespace: str, group: str = GROUP) -> list[Key]:
    """As many open batches of one namespace as one key may have."""
    keys = [harness.put(f"{namespace}/open-{n}", n) for n in range(LIMIT)]
    for key in keys:
        assert harness.send(key, group)
    return keys


def restarted(harness: Harness, *learnt: tuple[Key, str]) -> Harness:
    """Only what is stored is left; these Secrets have been read."""
    after = Harness(LIMIT, clock=harness.clock)
    for job in harness.store:
        after.store.put(job)
    after._version, after.asked = harness._version, harness.asked
    for key, group in learnt:
        after.bind_key(key, group)
    after.quota.restore([])
    return after


def test_p23_a_secret_changed_to_a_shared_key_takes_no_slots_of_it(harness: Harness) -> None:
    filled(harness, "own")
    tenant = harness.put("tenant/job", 5)
    harness.bind_key(tenant, OTHER_GROUP)
    harness.bind_key(Key("own", "open-0"), OTHER_GROUP)
    assert harness.reserve(tenant, OTHER_GROUP) is Admission.ADMITTED
    more = harness.put("own/more", 6)
    assert harness.reserve(more, OTHER_GROUP) is Admission.ADMITTED


def test_p23_a_secret_changed_away_from_a_shared_key_frees_no_slots_of_it(
    harness: Harness,
) -> None:
    """Otherwise each change of a Secret would allow as many batches again."""
    opened = filled(harness, "own")
    harness.bind_key(opened[0], OTHER_GROUP)
    tenant = harness.put("tenant/job", 5)
    assert harness.reserve(tenant) is Admission.QUOTA_FULL
    harness.end(opened[0])
    assert harness.queue.take() == [tenant]


def test_p23_a_key_that_was_changed_back_has_what_it_had(harness: Harness) -> None:
    opened = filled(harness, "own")
    harness.bind_key(opened[0], OTHER_GROUP)
    filled_too = [harness.put(f"own/other-{n}", n) for n in range(LIMIT)]
    for key in filled_too:
        assert harness.send(key, OTHER_GROUP)
    harness.bind_key(opened[0], GROUP)
    assert harness.reserve(harness.put("own/more", 9)) is Admission.QUOTA_FULL
    harness.bind_key(opened[0], OTHER_GROUP)
    assert harness.reserve(harness.put("own/more", 9), OTHER_GROUP) is Admission.QUOTA_FULL


@pytest.mark.parametrize("known_to", ["own", "tenant", "nobody"])
def test_p23_after_a_restart_a_batch_counts_for_whichever_known_key_created_it(
    harness: Harness, known_to: str
) -> None:
    opened = filled(harness, "own")
    tenant = harness.put("tenant/job", 5)
    now = GROUP if known_to == "own" else OTHER_GROUP
    others = [(tenant, GROUP)] if known_to == "tenant" else []
    after = restarted(harness, (opened[0], now), *others)
    # A key that nobody knew is compared when it is learnt.
    assert after.reserve(tenant) is Admission.QUOTA_FULL
    assert after.reserve(after.put("own/more", 6), THIRD_GROUP) is Admission.ADMITTED
    after.end(opened[0])
    assert after.queue.take() == [tenant]


def test_p23_a_batch_of_an_unknown_key_ends_without_a_trace(harness: Harness) -> None:
    opened = filled(harness, "own")
    after = restarted(harness, (opened[0], OTHER_GROUP))
    for key in opened:
        after.end(key)
    assert after.reserve(after.put("tenant/job", 5)) is Admission.ADMITTED
    assert dict(after.quota._keys._unknown) == {}


def test_p23_a_batch_that_is_created_while_the_secret_changes_counts_for_the_key_it_was_sent_with(
    harness: Harness,
) -> None:
    sent = harness.put("own/sent")
    assert harness.reserve(sent) is Admission.ADMITTED
    harness.bind_key(sent, OTHER_GROUP)
    others = [harness.put(f"tenant/{n}", n) for n in range(LIMIT)]
    assert harness.admits(*others) == others[: LIMIT - 1], "its place is kept"
    harness.write_ahead(sent)
    assert harness.reserve(others[-1]) is Admission.QUOTA_FULL
    rest = [harness.put(f"own/{n}", n) for n in range(LIMIT)]
    assert harness.admits(*rest, group=OTHER_GROUP) == rest


def test_p23_a_429_of_the_old_key_lets_its_job_wait_for_the_new_one(harness: Harness) -> None:
    sent = harness.put("own/sent")
    assert harness.reserve(sent) is Admission.ADMITTED
    harness.write_ahead(sent)
    elsewhere = harness.put("tenant/job", 1)
    assert harness.reserve(elsewhere) is Admission.ADMITTED
    harness.bind_key(sent, OTHER_GROUP)
    harness.throttled(sent)
    harness.clear(sent)
    assert harness.queue.take() == [sent]
    assert harness.reserve(sent, OTHER_GROUP) is Admission.ADMITTED


def test_p25_an_adopted_batch_counts_for_the_key_that_adopted_it(harness: Harness) -> None:
    adopted = harness.put(
        "own/adopted", 0, {"state": "Running", "attempt": an_attempt()}, group=OTHER_GROUP
    )
    harness.bind_key(adopted, OTHER_GROUP)
    harness.bind_key(adopted, GROUP)
    assert len(harness.admits(*[harness.put(f"a/{n}", n) for n in range(LIMIT)])) == LIMIT
    rest = [harness.put(f"b/{n}", n) for n in range(LIMIT)]
    assert len(harness.admits(*rest, group=OTHER_GROUP)) == LIMIT - 1


@pytest.mark.parametrize("read_before", [True, False])
def test_p23_a_batch_of_which_nobody_wrote_down_the_key_counts_for_that_of_its_secret(
    read_before: bool,
) -> None:
    harness = Harness(limit=1)
    attempt = {name: value for name, value in an_attempt().items() if name != "apiKeyFingerprint"}
    job = a_job(namespace="a", status={"state": "Running", "attempt": attempt})
    if read_before:
        harness.quota.bind_key(job.api_key, GROUP, partial(named, GROUP))
        harness.quota.restore([])
    harness.store.put(job)
    harness.quota.bind_key(job.api_key, GROUP, partial(named, GROUP))
    assert harness.reserve(harness.put("b/waiting")) is Admission.QUOTA_FULL


def test_p25_a_job_with_a_reserved_slot_waits_again_if_an_adoption_took_the_last_slot() -> None:
    """An adopted batch is open already, and asks nobody."""
    harness = Harness(limit=1)
    called = harness.put("a/called")
    harness.bind_key(called, GROUP)
    harness.quota.restore([harness.job(called)])
    assert harness.queue.take() == [called]
    adopted = harness.put("b/adopted", 1, {"state": "Running", "attempt": an_attempt()})
    assert harness.reserve(called) is Admission.QUOTA_FULL
    harness.end(adopted)
    assert harness.queue.take() == [called]


def test_p23_several_keys_that_nobody_knew_are_learnt_one_after_the_other(
    harness: Harness,
) -> None:
    opened = [*filled(harness, "a"), *filled(harness, "b", OTHER_GROUP)]
    after = restarted(harness, (opened[0], THIRD_GROUP), (opened[-1], THIRD_GROUP))
    assert after.reserve(after.put("c/1", 8), OTHER_GROUP) is Admission.QUOTA_FULL
    assert after.reserve(after.put("d/1", 9)) is Admission.QUOTA_FULL
    assert after.reserve(after.put("a/1", 9), THIRD_GROUP) is Admission.ADMITTED


def test_nothing_is_left_of_a_key_once_its_last_batch_has_ended(harness: Harness) -> None:
    opened = filled(harness, "own")
    harness.bind_key(opened[0], OTHER_GROUP)
    for key in opened:
        harness.store.remove(key)
    harness.quota.resync()
    assert list(harness.quota._keys) == []
    assert harness.quota._keys._counted == {}
