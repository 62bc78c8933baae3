"""Copies of inputs and results, beside the reconciles: a few at a time, fair between namespaces.

A copy of 2 GB takes minutes. In a reconcile it would keep a worker from the other jobs (S10).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from gemini_operator.base import metrics
from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.remote.call_limit import CallLimit
from gemini_operator.controller.workqueue import Wakes

AT_A_TIME = 4
"""Transfers of all jobs together."""

PER_NAMESPACE = 2
"""Transfers of the jobs of one namespace."""

REPORT_EVERY = 10.0
"""Seconds between two writes of a job's progress."""

LONGEST_INPUT = timedelta(hours=2)
"""For one copy of an input. The largest takes 300 KB a second then; a slower one would keep its place
from other jobs for days (S10)."""

LONGEST_RESULTS = timedelta(hours=6)
"""For one copy of results, of which there may be 16 GB."""

RESTS = 3.0
"""Seconds between a transfer that failed and the job's next one, at least, whatever wakes the job (S10)."""

MOST_REST = 900.0
"""Seconds of such a rest, at most. It is as long as the copy was: one of 16 GB that fails at its end, for
example because its output may not be read, would otherwise be all that the job does and pays for."""

T = TypeVar("T")


@asynccontextmanager
async def within(longest: timedelta, too_long: Exception) -> AsyncIterator[None]:
    """Raise `too_long` if the block is not over in time."""
    try:
        async with asyncio.timeout(longest.total_seconds()) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise too_long from None


class Direction(StrEnum):
    """What is copied; a label of the metrics."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass
class Transfer(Generic[T]):
    """One transfer of a job.

    Args:
        direction: whether it is an input or results.
        uid: of the job.
        what: what is copied, such as the name of a file; another one is another transfer.
    """

    direction: Direction
    uid: str
    what: str
    subject: Any = field(default=None, repr=False)
    """What its end is decided on, such as the batch whose results are copied."""
    moved: int = 0
    """Bytes that have arrived so far."""
    total: int | None = None
    """Bytes that are to arrive, if that is known."""
    begun: bool = False
    """Whether something was read."""
    reported: float = float("-inf")
    """Monotonic seconds of the last write of the progress."""
    task: asyncio.Task[T] | None = field(default=None, repr=False)
    took: float = 0.0
    """Seconds from its start to its end."""

    def report_in(self, monotonic: float) -> float:
        """Return the seconds until the progress is to be written again; 0 or less for now."""
        return self.reported + REPORT_EVERY - monotonic

    def note(self, moved: int) -> None:
        """Note how many bytes have arrived by now; 0 once something was read."""
        metrics.TRANSFERRED_BYTES.labels(self.direction).inc(max(0, moved - self.moved))
        self.moved = moved
        self.begun = True

    @property
    def done(self) -> bool:
        return self.task is not None and self.task.done()

    def result(self) -> T:
        """Return what the transfer returned, or raise what it raised."""
        if self.task is None:
            raise AssertionError("the transfer was not started")
        return self.task.result()


class Transfers:
    """Runs transfers, at most one for each job, and wakes the job when its transfer has ended.

    A job that waits for its turn is woken when it may start.

    Args:
        queue: wakes jobs.
        clock: times the rests.
        at_a_time: transfers of all jobs together.
        per_namespace: transfers of the jobs of one namespace.
        rests: seconds between a transfer that failed and the job's next one.
    """

    def __init__(
        self,
        queue: Wakes,
        clock: Clock,
        *,
        at_a_time: int = AT_A_TIME,
        per_namespace: int = PER_NAMESPACE,
        rests: float = RESTS,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._rests = rests
        self._limit = CallLimit(at_a_time, queue, per_namespace=per_namespace)
        self._transfers: dict[Key, Transfer[Any]] = {}
        # Of the last transfers that failed: monotonic seconds until which their jobs rest. By uid, as a
        # new job of the same name may have been put right.
        self._resting: dict[str, float] = {}

    async def of(self, job: Job, what: str) -> Transfer[Any] | None:
        """Return the job's transfer of `what`, running or ended; one of something else is stopped."""
        found = self._transfers.get(job.key)
        if found is not None and (found.uid, found.what) != (job.uid, what):
            await self.stop(job.key)
            return None
        return found

    def subject(self, job: Job, what: str | None) -> object:
        """Return the subject of the job's transfer of `what`; `None` if it has no such transfer."""
        found = self._transfers.get(job.key)
        ours = found is not None and (found.uid, found.what) == (job.uid, what)
        return found.subject if ours and found is not None else None

    def start(
        self,
        direction: Direction,
        job: Job,
        what: str,
        work: Callable[[Transfer[T]], Coroutine[Any, Any, T]],
        subject: object = None,
    ) -> Transfer[T]:
        """Start a transfer.

        Args:
            direction: whether it is an input or results.
            job: whose it is; it must have none.
            what: what is copied.
            work: does it, and notes how much has arrived.
            subject: what its end is decided on.

        Raises:
            Busy: the limit is reached; the job is requeued in its turn.
        """
        self._limit.enter(job.key, "")
        transfer: Transfer[T] = Transfer(direction, job.uid, what, subject)
        self._transfers[job.key] = transfer
        transfer.task = asyncio.create_task(self._run(job.key, transfer, work))
        return transfer

    def take(self, transfer: Transfer[T], key: Key) -> T:
        """Return what a transfer that has ended returned, or forget it and raise what it raised.

        One that succeeded is forgotten by `stop`. Until what it returned is in the job's status, which
        the API server may refuse, it would have to copy gigabytes again.
        """
        try:
            return transfer.result()
        except Exception:
            if self._transfers.get(key) is transfer:
                del self._transfers[key]
            now = self._clock.monotonic()
            self._resting = {uid: until for uid, until in self._resting.items() if until > now}
            self._resting[transfer.uid] = now + max(self._rests, min(MOST_REST, transfer.took))
            raise

    def wake(self, key: Key) -> None:
        """Wake the job, as there is something to report."""
        self._queue.add(key)

    def rest(self, job: Job) -> float:
        """Return the seconds until the job may start a transfer; 0 for now."""
        now = self._clock.monotonic()
        return max(0.0, self._resting.get(job.uid, now) - now)

    async def stop(self, key: Key) -> None:
        """Cancel the job's transfer, if it has one, and wait for its end; give up its turn."""
        transfer = self._transfers.pop(key, None)
        try:
            if transfer is not None and transfer.task is not None:
                transfer.task.cancel()
                await asyncio.wait((transfer.task,))
        finally:
            self._limit.forget(key)

    def give_up_turn(self, key: Key) -> None:
        """Give the job's turn to the next job, unless its transfer has begun."""
        if key not in self._transfers:
            self._limit.leave(key)

    async def close(self) -> None:
        """Stop all transfers."""
        await asyncio.gather(*map(self.stop, tuple(self._transfers)))

    async def _run(
        self, key: Key, transfer: Transfer[T], work: Callable[[Transfer[T]], Coroutine[Any, Any, T]]
    ) -> T:
        began = self._clock.monotonic()
        try:
            with metrics.TRANSFERS.labels(transfer.direction).track_inprogress():
                return await work(transfer)
        finally:
            transfer.took = self._clock.monotonic() - began
            if self._transfers.get(key) is transfer:
                self._limit.leave(key)
                self._queue.add(key)
