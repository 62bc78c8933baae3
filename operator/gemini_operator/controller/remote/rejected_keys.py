"""Secrets without an API key that helps their jobs: read again soon, so that another one is used.

The cache of API keys would show a corrected Secret up to a minute later, and the operator may not
watch Secrets. So a Secret is read again after an eighth of the time for which its jobs wait.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gemini_operator.api.conditions import STALLED, SUBMITTED, find_reason
from gemini_operator.api.reasons import Reason
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.lifecycle import pauses
from gemini_operator.controller.remote import secret_reads
from gemini_operator.controller.remote.api_keys import ApiKey, ApiKeys, CredentialsProblem
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.store import Store
from gemini_operator.kube.errors import KubeError

ABOUT_THE_KEY = frozenset(
    {Reason.CREDENTIALS_REJECTED, Reason.DELETION_BLOCKED, Reason.KEY_CHANGED}
)
"""Reasons of `Stalled` that another API key in the Secret may end."""

SOONEST, LATEST = 2.0, 15.0
"""Seconds until a Secret is read again."""

CALM = 60.0
"""Seconds without another key, after which the next one is found as soon as the first.

A Secret that changes all the time would otherwise wake all its jobs every two seconds."""

TICK = 1.0
"""Seconds between two looks at which Secrets are due."""

PER_NAMESPACE = 10
"""Secrets of a namespace that are read at one tick, so that a thousand of them delay no other's."""

log = get_logger(__name__)


@dataclass
class _Look:
    """When a Secret is read again; times in monotonic seconds.

    Args:
        rejected: the id of the API key that its jobs have used; `None` if they had none, or if the
            Secret had none since: then any key is news, the same one as before too.
        since: since when the Secret has this key, as far as is known.
        due: when it is read again.
        soonest: seconds until then, at least.
    """

    rejected: str | None
    since: float
    due: float
    soonest: float = SOONEST

    def unchanged(self, now: float) -> None:
        """Read the Secret later each time."""
        waited = now - self.since
        self.due = now + pauses.growing(waited, part=8, soonest=self.soonest, latest=LATEST)

    def changed(self, key_id: str, now: float) -> None:
        """Look whether the Secret has yet another key than `key_id`, which its jobs use now."""
        calm = now - self.since >= CALM
        self.soonest = SOONEST if calm else min(LATEST, 2 * self.soonest)
        self.rejected, self.since, self.due = key_id, now, now + self.soonest


class RejectedKeys:
    """Reads Secrets again whose API key Google rejected, while jobs wait for a better one.

    Args:
        api_keys: reads the Secrets.
        store: all jobs.
        sweeper: lists the batches of a corrected key, as a rejected one has shown no ends.
        clock: tells when a Secret is due.
        wake: requeues a job.
    """

    def __init__(
        self,
        api_keys: ApiKeys,
        store: Store,
        sweeper: Sweeper,
        clock: Clock,
        *,
        wake: Callable[[Key], None],
    ) -> None:
        self._api_keys = api_keys
        self._store = store
        self._sweeper = sweeper
        self._clock = clock
        self._wake = wake
        self._looks: dict[KeyRef, _Look] = {}
        self._any = asyncio.Event()

    def note(self, job: Job) -> None:
        """Read the job's Secret again soon, if the job waits for another API key in it."""
        if _waits(job) and job.api_key not in self._looks:
            now, used = self._clock.monotonic(), self._api_keys.last_read(job.api_key)
            if _lacks_a_key(job):
                used = None
            self._looks[job.api_key] = _Look(used, now, now + SOONEST)
            self._any.set()

    async def run(self) -> None:
        """Read the Secrets that are due, until cancelled. Costs nothing while there are none."""
        while True:
            await self._any.wait()
            await asyncio.sleep(TICK)
            await self.look()

    async def look(self) -> None:
        """Read the Secrets that are due, and wake the jobs of those with another key."""
        due = self._due()
        waiting = self._waiting(frozenset(due))
        for ref in due:
            if ref in waiting:
                await self._look(ref, waiting[ref])
            else:
                # Its jobs are gone, or go on again.
                del self._looks[ref]
        if not self._looks:
            self._any.clear()

    def _waiting(self, refs: frozenset[KeyRef]) -> dict[KeyRef, list[Job]]:
        found: dict[KeyRef, list[Job]] = defaultdict(list)
        # On most ticks nothing is due, and ten thousand jobs need not be looked at.
        for job in self._store if refs else ():
            if job.api_key in refs and _waits(job):
                found[job.api_key].append(job)
        return found

    def _due(self) -> list[KeyRef]:
        now = self._clock.monotonic()
        due = sorted((look.due, ref) for ref, look in self._looks.items() if look.due <= now)
        ranked = secret_reads.ranked(ref for _, ref in due)
        return [ref for rank, ref in ranked if rank < PER_NAMESPACE]

    async def _look(self, ref: KeyRef, jobs: Iterable[Job]) -> None:
        look = self._looks[ref]
        try:
            corrected = await self._api_keys.corrected(ref, look.rejected)
        except CredentialsProblem:
            look.rejected = corrected = None
        except KubeError as error:
            # The other Secrets must be read, and this one is due again.
            log.debug("a Secret could not be read again", error=str(error))
            corrected = None
        except Exception:
            # Nobody would see the error, and the whole controller would end.
            log.exception("a Secret could not be read again", namespace=ref.namespace)
            corrected = None
        if corrected is None:
            look.unchanged(self._clock.monotonic())
            return
        log.info(
            "the API key of a Secret was corrected", namespace=ref.namespace, secret=ref.secret
        )
        look.changed(corrected.key_id, self._clock.monotonic())
        for job in jobs:
            self._go_on(job, corrected)

    def _go_on(self, job: Job, api_key: ApiKey) -> None:
        # Another object may have the name by now, and another API key.
        known = self._store.get(job.key)
        if known is None or known.uid != job.uid:
            return
        if known.status.attempt is not None:
            self._sweeper.search(api_key, job.key)
        self._wake(job.key)


def _waits(job: Job) -> bool:
    """Return whether another API key may help the job."""
    conditions, attempt = job.status.conditions, job.status.attempt
    said = find_reason(conditions, STALLED)
    if find_reason(conditions, SUBMITTED) == Reason.FILE_STORAGE_FULL:
        # A key of another project has room of its own.
        return True
    if said == Reason.AMBIGUOUS_SUBMISSION:
        # The key that the attempt was sent with shows whether it has a batch.
        return attempt is not None and attempt.batch_name is None
    return said in ABOUT_THE_KEY or _lacks_a_key(job)


def _lacks_a_key(job: Job) -> bool:
    """Return whether the job waits for a usable Secret to list its batches.

    A job without an attempt looks for its Secret by itself.
    """
    said = find_reason(job.status.conditions, STALLED)
    return said == Reason.CREDENTIALS_MISSING and job.status.attempt is not None
