"""What of the reconciler needs neither Google nor an API server."""

from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.reconcile import reconciler
from gemini_operator.controller.reconcile.outcome import Outcome
from gemini_operator.controller.reconcile.reconciler import Reconciler
from gemini_operator.controller.reconcile.snapshots import Snapshots
from gemini_operator.controller.remote.call_limit import Busy, CallLimit
from gemini_operator.controller.remote.read_budget import Delayed
from gemini_operator.controller.store import Store
from gemini_operator.controller.transfers import Transfers
from gemini_operator.controller.workqueue import KeyedQueue
from tests.unit.controller.builders import RULES, TO_CONFIG_MAP, a_job, ago, finished, submitted
from tests.unit.controller.clocks import ManualClock

UNUSED = (
    "sweeper",
    "writer",
    "events",
    "submitter",
    "names",
    "adopter",
    "uploader",
    "cleanup",
    "unreadable",
)


def a_reconciler(clock: ManualClock, queue: KeyedQueue, job: Job) -> Reconciler:
    """One that knows `job`."""
    store, unused = Store(), None
    store.put(job)
    anything: Any = SimpleNamespace(
        release=lambda _key: None,
        leave=lambda _key: None,
        holds_back=lambda _snapshot: False,
        under_way=lambda _snapshot: None,
        note=lambda _job: None,
    )
    return Reconciler(
        store=store,
        queue=queue,
        snapshots=Snapshots(Memory(), clock, RULES),
        outdated_schema=anything,
        quota=anything,
        access=anything,
        rejected_keys=anything,
        heavy=CallLimit(1, queue),
        delivery=anything,
        transfers=Transfers(queue, clock),
        **dict.fromkeys(UNUSED, unused),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "of_job",
    [
        pytest.param(
            {"spec": {"activeDeadlineSeconds": 60}, "status": submitted(startTime=ago(59))},
            id="deadline",
        ),
        pytest.param(
            {
                "spec": {"output": TO_CONFIG_MAP, "ttlSecondsAfterFinished": 60},
                "status": finished() | {"completionTime": ago(59)},
            },
            id="ttl",
        ),
    ],
)
async def test_what_comes_due_during_a_reconcile_wakes_the_job(
    of_job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing would: the reconcile was too early and the alarm too late."""
    clock, job = ManualClock(), a_job(**of_job)
    queue = KeyedQueue(clock)

    async def slow(*_: object) -> None:
        clock.advance(1.0)

    monkeypatch.setattr(reconciler, "observe", slow)
    await a_reconciler(clock, queue, job).run(job.key)
    clock.advance(1.0)
    queue._fire()
    assert queue.depth == 1


@pytest.mark.parametrize("failure", [Busy(), Delayed(3.0)], ids=["busy", "delayed"])
async def test_a_reconcile_that_may_not_call_google_now_is_counted_as_such(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, job = ManualClock(), a_job(status=submitted())

    async def refuse(*_: object) -> None:
        raise failure

    monkeypatch.setattr(reconciler, "observe", refuse)
    outcome = await a_reconciler(clock, KeyedQueue(clock), job).run(job.key)
    assert outcome == type(failure).__name__.lower()


@pytest.mark.parametrize(
    ("error", "keeps"), [(Busy(), True), (Delayed(), False), (Delayed(5.0), False)]
)
async def test_s10_a_job_that_has_to_wait_for_its_read_keeps_no_turn_to_copy(
    error: Exception, keeps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, job = ManualClock(), a_job(status=submitted())
    queue = KeyedQueue(clock)
    one = a_reconciler(clock, queue, job)
    limit = one.transfers._limit
    waiting = [Key("team-a", name) for name in ("job-1", job.key.name, "job-2")]
    limit.enter(waiting[0], "")
    limit.enter(Key("team-a", "job-0"), "")
    for key in waiting[1:]:
        with pytest.raises(Busy):
            limit.enter(key, "")
    limit.leave(waiting[0])

    async def waits(*_: object) -> None:
        raise error

    monkeypatch.setattr(reconciler, "observe", waits)
    await one.run(job.key)
    assert (limit.waiting == 1) is keeps


async def test_a_reconcile_that_waits_for_the_crd_is_counted_as_such() -> None:
    clock, job = ManualClock(), a_job(status=submitted())
    waiting = a_reconciler(clock, KeyedQueue(clock), job)
    object.__setattr__(
        waiting, "outdated_schema", SimpleNamespace(holds_back=lambda _snapshot: True)
    )
    assert await waiting.run(job.key) is Outcome.SCHEMA_OUTDATED
