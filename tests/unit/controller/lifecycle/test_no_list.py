"""A kind of remote job of which Google has no list (`CANNOT_TELL`): nothing waits for ever."""

from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.lifecycle import deletion, observation, search
from gemini_operator.controller.lifecycle.decisions import (
    DeleteRemote,
    ListRemote,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.memory import CUT_OFF, Facts, Memory
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.store import Store
from gemini_operator.gemini.remote import CANNOT_TELL, CannotTell
from tests.unit.controller.builders import (
    BATCH,
    EARLIER,
    MONOTONIC,
    RULES,
    UID,
    a_job,
    a_snapshot,
    an_attempt,
    reason_of,
    submitted,
    unnamed,
    written,
)
from tests.unit.controller.clocks import ManualClock

GRACE_ENDS = MONOTONIC + RULES.create_timeout + RULES.submit_grace + CUT_OFF
LATE = MONOTONIC + deletion.PATIENCE


async def listed(job: Job) -> Facts:
    """What a sweep leaves behind that asks for the list and gets none."""
    clock, memory, store = ManualClock(), Memory(), Store()
    woken: list[Key] = []
    store.put(job)

    async def no_list() -> CannotTell:
        return CANNOT_TELL

    unused: Any = None
    sweeper = Sweeper(unused, store, memory, clock, wake=woken.append, interval=900.0)
    client = SimpleNamespace(batches=SimpleNamespace(search=no_list))
    api_key: Any = SimpleNamespace(client=client)
    await sweeper._list(api_key, {job.key})
    assert woken == [job.key], "a pass decides what that means"
    return memory.of(job)


async def test_a_sweep_has_a_batch_read_by_its_name_and_once() -> None:
    facts = await listed(a_job(status=submitted()))
    snapshot = a_snapshot(facts=facts, status=submitted())
    assert observation.wanted(snapshot) == BATCH
    facts.no_list = False  # as every read leaves it
    assert observation.wanted(snapshot) is None


async def test_p13_after_the_grace_an_unclear_create_is_for_a_person() -> None:
    facts = await listed(a_job(status=unnamed()))
    a_snapshot(facts=facts, status=unnamed())
    before = a_snapshot(facts=facts, status=unnamed(), monotonic=GRACE_ENDS - 1)
    assert isinstance(search.decide(before), ListRemote), "a callback may still bring the name"
    snapshot = a_snapshot(facts=facts, status=unnamed(), monotonic=GRACE_ENDS)
    decision = search.decide(snapshot)
    assert isinstance(decision, PatchStatus)
    status = written(decision)
    assert reason_of(status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    assert "cannot list such jobs" in str(status.conditions)
    assert "resolve-submission" in str(status.conditions), "and it says what to do"
    told = a_snapshot(facts=facts, status=status.dump(), monotonic=GRACE_ENDS)
    assert search.decide(told) == RequeueAfter()


@pytest.mark.parametrize(
    ("status", "batches"),
    [
        pytest.param(unnamed(), (), id="an unclear create"),
        pytest.param({"supersededAttempts": [an_attempt(EARLIER)]}, (), id="one given up"),
        pytest.param(
            submitted(supersededAttempts=[an_attempt(EARLIER)]), (BATCH,), id="beside a batch"
        ),
    ],
)
async def test_p22_a_deleted_object_goes_when_patience_ends(
    status: dict[str, Any], batches: tuple[str, ...]
) -> None:
    for monotonic, goes in ((LATE - 1, False), (max(LATE, GRACE_ENDS), True)):
        facts = Facts(UID, deleting_since=MONOTONIC, no_list=True)
        a_snapshot(facts=facts, deleting=True, status=status)
        snapshot = a_snapshot(facts=facts, deleting=True, status=status, monotonic=monotonic)
        decision = deletion.decide(snapshot)
        assert isinstance(decision, DeleteRemote) is goes
    assert isinstance(decision, DeleteRemote)
    assert decision.batches == batches
    assert decision.event is not None
    assert decision.event.reason == Reason.BATCH_LEFT_BEHIND
