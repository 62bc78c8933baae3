"""What a reconcile decides on: the job, the time, and what this process remembers of the job."""

from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.snapshot import Rules, Snapshot
from gemini_operator.controller.memory import Memory


class Snapshots:
    """Takes snapshots of jobs.

    Args:
        memory: what is remembered of them.
        clock: dates the snapshots.
        rules: what the administrator has decided.
    """

    def __init__(self, memory: Memory, clock: Clock, rules: Rules) -> None:
        self._memory = memory
        self._clock = clock
        self._rules = rules

    def monotonic(self) -> float:
        """Seconds on the clock of the snapshots."""
        return self._clock.monotonic()

    def take(self, job: Job) -> Snapshot:
        """The job at this moment; its deletion and its search for a batch begin no later."""
        facts = self._memory.of(job)
        snapshot = Snapshot(job, facts, self._clock.now(), self._clock.monotonic(), self._rules)
        attempt = job.status.attempt
        if job.deleting and facts.deleting_since is None:
            facts.deleting_since = snapshot.monotonic
        if attempt is None or attempt.batch_name is not None:
            facts.search = None
        else:
            facts.begin_search(
                attempt,
                now=snapshot.now,
                monotonic=snapshot.monotonic,
                timeout=self._rules.create_timeout,
                grace=self._rules.submit_grace,
            )
        return snapshot
