"""After a start, before anything is submitted: whose keys are whose, and who waited before whom.

The order must not depend on whose pass happens to come first, and a place counts for its key even
if nothing happens to its job for hours (rule P23).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gemini_operator.controller.gate.gate import Gate
from gemini_operator.controller.gate.places import held_by
from gemini_operator.controller.job import Job, KeyRef
from gemini_operator.controller.reading.credentials import Credential, CredentialsProblem
from gemini_operator.controller.store import Store
from gemini_operator.kube.errors import KubeError
from gemini_operator.telemetry.logs import get_logger

AT_A_TIME = 16

# Seconds between the tries to read a Secret. One that cannot be read must not stop all the others
# for ever: its open batches then count as soon as it is read.
DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)

log = get_logger(__name__)


def may_wait(job: Job) -> bool:
    """Whether the job may want to submit as soon as it has a pass."""
    wants = not (job.spec.suspend or job.spec.shutdown or job.spec.adopt)
    return wants and job.held and not (job.finished or job.deleting or held_by(job))


class RollCall:
    """
    Tells the gate what it cannot know after a start.

    Args:
        store: every job.
        gate: learns.
        resolve: from a Secret to its key, of which it tells the gate.
        api_key: the Secret that a job uses.
        delays: seconds between the tries to read a Secret.
    """

    def __init__(
        self,
        store: Store,
        gate: Gate,
        *,
        resolve: Callable[[KeyRef], Awaitable[Credential]],
        api_key: Callable[[Job], KeyRef],
        delays: Sequence[float] = DELAYS,
    ) -> None:
        self._store = store
        self._gate = gate
        self._resolve = resolve
        self._api_key = api_key
        self._delays = delays

    async def call(self) -> None:
        """Resolve every key that counts, then let all who may wait stand in line."""
        await self._resolve_all(self._delays)
        self._gate.expect(job for job in self._store if may_wait(job))

    async def repeat(self) -> None:
        """Notice replaced Secrets though nobody asks for them; mend what has got lost."""
        await self._resolve_all(())
        self._gate.remind()

    async def _resolve_all(self, delays: Sequence[float]) -> None:
        refs = {self._api_key(job) for job in self._store if held_by(job) or may_wait(job)}
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
            # Its jobs say so themselves.
            return True
        except KubeError as error:
            where = {"namespace": ref.namespace, "secret": ref.secret}
            log.warning("a Secret cannot be read", **where, error=str(error))
            return False
        return True
