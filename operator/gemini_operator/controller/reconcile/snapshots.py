"""Takes the snapshot that a reconcile decides on: the job, the time and the facts in memory."""

from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.snapshot import Rules, Snapshot
from gemini_operator.controller.memory import Memory


class Snapshots:
    """Takes snapshots of jobs.

    Args:
        memory: the facts about jobs.
        clock: dates the snapshots.
        rules: the administrator's settings.
    """

    def __init__(self, memory: Memory, clock: Clock, rules: Rules) -> None:
        self._memory = memory
        self._clock = clock
        self._rules = rules

    def monotonic(self) -> float:
        """Return the monotonic seconds of the clock that dates the snapshots."""
        return self._clock.monotonic()

    def take(self, job: Job) -> Snapshot:
        """Return the job at this moment.

        The first snapshot of a deleted job starts the time of its deletion, and the first one of an
        attempt without a batch starts its search.
        """
        facts = self._memory.of(job)
        snapshot = Snapshot(job, facts, self._clock.now(), self._clock.monotonic(), self._rules)
        attempt = job.status.attempt
        if job.deleting and facts.deleting_since is None:
            facts.deleting_since = snapshot.monotonic
        # A search belongs to one attempt: nothing of it may count for a later one.
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
