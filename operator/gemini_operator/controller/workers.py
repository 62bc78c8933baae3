"""Workers take keys from the work queue and reconcile them; failures are retried with back-off."""

import asyncio
import time

from gemini_operator.api.reasons import Reason
from gemini_operator.base import metrics
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Key
from gemini_operator.controller.reconcile.reconciler import Reconciler
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.gemini.errors import GeminiError
from gemini_operator.kube.errors import KubeError

log = get_logger(__name__)


class Workers:
    """Runs reconciles, `count` at a time."""

    def __init__(self, queue: KeyedQueue, reconciler: Reconciler, count: int) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Work until `drain`."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._count)]
        await asyncio.gather(*self._tasks)

    async def drain(self, seconds: float) -> None:
        """Start no further reconcile, and wait up to `seconds` for the running ones."""
        self._queue.close()
        if not self._tasks:
            return
        # `wait` does not cancel: the caller does, and a cut off reconcile is safe to repeat.
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        if late:
            log.warning("reconciles were cut off", count=len(late))

    async def _work(self) -> None:
        while (key := await self._queue.get()) is not None:
            try:
                await self._reconcile(key)
            finally:
                # Also if it is cancelled, or the key would count as being worked on for ever.
                self._queue.done(key)

    async def _reconcile(self, key: Key) -> None:
        begun = time.perf_counter()
        result: str = "error"
        try:
            result = await self._reconciler.run(key)
        # An outage, which the job's status need not show: it is the same for every job.
        except (KubeError, GeminiError) as error:
            result = "unavailable"
            self._later(key, error)
        except Exception as error:
            # A bug, or an unforeseen object: it costs this job a retry, and must not end a worker.
            delay = self._queue.back_off(key)
            log.exception("a reconcile failed", **key._asdict(), again_in=round(delay, 1))
            await self._stall(key, error)
        finally:
            metrics.RECONCILES.labels(result).inc()
            metrics.RECONCILE_SECONDS.observe(time.perf_counter() - begun)

    async def _stall(self, key: Key, error: Exception) -> None:
        """Write the failure to the job's status; the reconcile is retried anyway."""
        detail = f"A reconcile of the job failed ({type(error).__name__})."
        try:
            await self._reconciler.stall(key, Reason.INTERNAL, detail)
        except KubeError as refused:
            log.warning(
                "the condition Stalled could not be written", **key._asdict(), error=str(refused)
            )

    def _later(self, key: Key, error: KubeError | GeminiError) -> None:
        delay = self._queue.back_off(key, at_least=error.retry_after or 0.0)
        log.warning(
            "a reconcile will be retried",
            namespace=key.namespace,
            name=key.name,
            kind=type(error).__name__,
            error=str(error),
            again_in=round(delay, 1),
        )
