"""What of the reconciler needs neither Google nor an API server."""

from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.controller.job import Job
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.reconcile.reconciler import Reconciler
from gemini_operator.controller.remote.call_limit import CallLimit
from gemini_operator.controller.store import Store
from gemini_operator.controller.workqueue import KeyedQueue
from tests.unit.controller.builders import RULES, TO_CONFIG_MAP, a_job, ago, finished, submitted
from tests.unit.controller.clocks import ManualClock


class Slow:
    """An observer that reads nothing and takes its time."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    async def observe(self, _view: Any, _ref: Any) -> None:
        self._clock.advance(self._seconds)


def reconciler(clock: ManualClock, queue: KeyedQueue, job: Job, took: float) -> Reconciler:
    """One that knows `job` and whose passes take `took` seconds."""
    store = Store()
    store.put(job)
    collaborators = SimpleNamespace(
        store=store,
        queue=queue,
        memory=Memory(),
        clock=clock,
        quota=SimpleNamespace(release=lambda _key: None),
        observer=Slow(clock, took),
        schema=SimpleNamespace(missing=()),
        calls=CallLimit(1, queue),
        heavy=CallLimit(1, queue),
        rules=RULES,
        default_api_key=("gemini-api-key", "api-key"),
    )
    return Reconciler(collaborators)  # type: ignore[arg-type]


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
async def test_what_comes_due_during_a_pass_wakes_the_job(of_job: dict[str, Any]) -> None:
    """Else nothing would: the pass was too early and the alarm too late."""
    clock, job = ManualClock(), a_job(**of_job)
    queue = KeyedQueue(clock)
    await reconciler(clock, queue, job, took=1.0).run(job.key)
    clock.advance(1.0)
    queue._fire()
    assert queue.depth == 1
