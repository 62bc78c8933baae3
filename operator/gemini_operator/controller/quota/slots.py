"""Gives free slots of an API key to its waiting jobs, and wakes them when they may try."""

from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.keys import ApiKeyQuota, ApiKeyQuotas
from gemini_operator.controller.quota.throttle import Throttle
from gemini_operator.controller.quota.waiters import Waiters, WaiterState
from gemini_operator.controller.workqueue import Wakes


class Slots:
    """Reserves slots.

    Args:
        clock: tells whether a throttle still blocks.
        queue: wakes jobs.
        keys: all API keys.
        waiters: the jobs that wait.
        limit: open batches for each key.
    """

    def __init__(
        self, clock: Clock, queue: Wakes, keys: ApiKeyQuotas, waiters: Waiters, limit: int
    ) -> None:
        self._clock = clock
        self._queue = queue
        self._keys = keys
        self._waiters = waiters
        self._limit = limit

    def advance(self, key_quota: ApiKeyQuota, asking: Key | None = None) -> None:
        """Reserve free slots for the next jobs, and requeue them.

        Args:
            key_quota: the API key.
            asking: the job whose reconcile is running, which need not be requeued.
        """
        now = self._clock.monotonic()
        while key_quota.total < self._limit and (key := key_quota.best(now)) is not None:
            # Batches of other Secrets may count for this key and leave no free slot: look again.
            if self._keys.match_unknown():
                continue
            next_one = self._waiters[key]
            next_one.become(WaiterState.RESERVED)
            for throttle in key_quota.throttles_of(next_one.model):
                throttle.probe = key
            if key != asking:
                self._queue.add(key)

    def alarm(self, key_quota: ApiKeyQuota, throttle: Throttle, asking: Key | None = None) -> None:
        """Requeue the first job of a blocked throttle, once, for the time when it opens."""
        now = self._clock.monotonic()
        if throttle.blocked_until <= now:
            return
        head = key_quota.head(throttle)
        if head is not None and (head != throttle.alarmed or head == asking):
            throttle.alarmed = head
            self._queue.add_after(head, throttle.blocked_until - now)

    def refresh(self, key_quota: ApiKeyQuota) -> None:
        """Bring a key up to date after its jobs or its throttles have changed."""
        key_quota.drop_idle(self._clock.monotonic())
        for throttle in (*key_quota.throttles.values(), key_quota.refusal):
            if throttle is not None:
                self.alarm(key_quota, throttle)
        self.advance(key_quota)
