"""Rebuild quota state after a restart, before the first create.

Every API key in use is read, and waiting jobs are queued again in their old order. Otherwise the
order would depend on which job is reconciled first, and an open batch would not count until
something happens to its job (P23).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job, KeyRef
from gemini_operator.controller.quota.quota import Quota
from gemini_operator.controller.quota.usage import uses_quota
from gemini_operator.controller.remote.api_keys import ApiKey, CredentialsProblem
from gemini_operator.controller.store import Store
from gemini_operator.kube.errors import KubeError

# Secrets that are read at a time.
AT_A_TIME = 16

# Seconds between tries to read a Secret. After the last one the controller starts without it, so
# that one Secret cannot stop all the others; its open batches count as soon as it is read.
DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)

log = get_logger(__name__)


def may_wait(job: Job) -> bool:
    """Return whether the job may want to submit at its next reconcile."""
    wants = not (job.spec.suspend or job.spec.shutdown or job.spec.adopt)
    return wants and job.has_finalizer and not (job.finished or job.deleting or uses_quota(job))


class QuotaWarmup:
    """Restores the quota from the jobs and their Secrets.

    Args:
        store: all jobs.
        quota: what is restored.
        resolve: reads the API key of a Secret and binds it to the quota.
        delays: seconds between the tries to read a Secret.
    """

    def __init__(
        self,
        store: Store,
        quota: Quota,
        *,
        resolve: Callable[[KeyRef], Awaitable[ApiKey]],
        delays: Sequence[float] = DELAYS,
    ) -> None:
        self._store = store
        self._quota = quota
        self._resolve = resolve
        self._delays = delays

    async def run(self) -> None:
        """Read every API key in use, then queue the jobs that may want to submit."""
        # All keys first: a slot given away before all open batches are counted may not be free.
        await self._resolve_all(self._delays)
        self._quota.restore(job for job in self._store if may_wait(job))

    async def resync(self) -> None:
        """Read the API keys again, so that a replaced Secret is noticed, and resync the quota."""
        await self._resolve_all(())
        self._quota.resync()

    async def _resolve_all(self, delays: Sequence[float]) -> None:
        refs = {job.api_key for job in self._store if uses_quota(job) or may_wait(job)}
        limit = asyncio.Semaphore(AT_A_TIME)

        async def resolve(ref: KeyRef) -> None:
            for delay in (*delays, None):
                async with limit:
                    if await self._answers(ref) or delay is None:
                        return
                await asyncio.sleep(delay)

        await asyncio.gather(*(resolve(ref) for ref in refs))

    async def _answers(self, ref: KeyRef) -> bool:
        try:
            await self._resolve(ref)
        except CredentialsProblem:
            # The reconciles of its jobs report that. It is an answer, so it is not tried again.
            return True
        except KubeError as error:
            where = {"namespace": ref.namespace, "secret": ref.secret}
            log.warning("a Secret cannot be read", **where, error=str(error))
            return False
        return True
