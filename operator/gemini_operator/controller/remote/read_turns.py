"""The order in which jobs read with one API key: first come, first served; namespaces alternate."""

from collections import OrderedDict

from gemini_operator.controller.job import Key
from gemini_operator.controller.remote.read_rate import ReadRate
from gemini_operator.controller.workqueue import Timers


class ReadTurns:
    """The reservations of the jobs of one API key.

    A job whose turn comes gets its token before it is requeued. So it is requeued once, and no
    other job can take that token meanwhile.

    Args:
        rate: the key's tokens.
        queue: requeues jobs, and times the next token.
    """

    def __init__(self, rate: ReadRate, queue: Timers) -> None:
        self.rate = rate
        self._queue = queue
        self._waiting: OrderedDict[str, OrderedDict[Key, None]] = OrderedDict()
        self._granted: set[Key] = set()
        self._timed = False

    @property
    def idle(self) -> bool:
        """Whether no job has a reservation, and the rate is that of a new key."""
        return not (self._waiting or self._granted) and self.rate.idle

    def reserve(self, job: Key) -> bool:
        """Return whether the job's turn has come; if not, it is requeued when it does.

        A job has one reservation, however often it asks.
        """
        self._grant(asking=job)
        if job in self._granted:
            return True
        if not self._waiting and self.rate.take():
            self._granted.add(job)
            return True
        self._waiting.setdefault(job.namespace, OrderedDict())[job] = None
        self._set_timer()
        return False

    def use(self, job: Key) -> None:
        """Spend the token of a job whose turn has come."""
        self._granted.discard(job)

    def drop(self, job: Key) -> None:
        """Drop the job's reservation; a token that it has goes to the next job."""
        if job in self._granted:
            self._granted.discard(job)
            self.rate.give_back()
            self._grant()
        elif job in self._waiting.get(job.namespace, ()):
            self._stop_waiting(job)

    def _grant(self, asking: Key | None = None) -> None:
        """Give the tokens there are to the next jobs; `asking` is being reconciled already."""
        while self._waiting and self.rate.take():
            job = next(iter(next(iter(self._waiting.values()))))
            self._stop_waiting(job)
            # The namespace goes to the end, so the next token is another namespace's.
            if job.namespace in self._waiting:
                self._waiting.move_to_end(job.namespace)
            self._granted.add(job)
            if job != asking:
                self._queue.add(job)
        self._set_timer()

    def _set_timer(self) -> None:
        # One timer for the key: one for each job would wake all of them for the next token.
        if self._waiting and not self._timed:
            self._timed = True
            self._queue.call_after(self.rate.wait(), self._next)

    def _next(self) -> None:
        self._timed = False
        self._grant()

    def _stop_waiting(self, job: Key) -> None:
        jobs = self._waiting[job.namespace]
        del jobs[job]
        if not jobs:
            del self._waiting[job.namespace]
