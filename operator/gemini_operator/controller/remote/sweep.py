"""Lists of an API key's batches; one list serves all jobs of the key (decision 0007).

A search asks for a list at once (P11). The sweep lists every key in use at intervals (P20). Between
two sweeps every Secret in use is read once a minute: if its key is another one, or gone, the jobs
must say so while the batch can still be reached. What a list or a Secret shows of a job becomes a
fact about the job, and a reconcile decides what it means.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from gemini_operator.api.conditions import STALLED, find, find_reason
from gemini_operator.api.reasons import Reason
from gemini_operator.base import metrics
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.lifecycle import duplicates
from gemini_operator.controller.lifecycle.status import requests_of
from gemini_operator.controller.memory import KeyProblem, ListSnapshot, Memory
from gemini_operator.controller.remote import secret_reads
from gemini_operator.controller.remote.api_keys import (
    ApiKey,
    ApiKeys,
    CredentialsProblem,
)
from gemini_operator.controller.remote.list_index import ListIndex
from gemini_operator.controller.store import Store
from gemini_operator.gemini.errors import CredentialsRejected, GeminiError, Unavailable
from gemini_operator.gemini.remote import CANNOT_TELL
from gemini_operator.kube.errors import KubeError

# Share of the interval by which each wait varies.
JITTER = 0.1

# Seconds between two looks at the Secrets, and at the batches that no webhook tells of.
BETWEEN_LOOKS = 60.0

# Seconds after which a look reads a Secret again. The cache keeps it for a minute, so that a look
# after a little less than that would find the old key, and a change would take two minutes.
MAX_AGE = 30.0

log = get_logger(__name__)


class Sweeper:
    """Lists batches, one list per key at a time.

    Args:
        api_keys: reads the API keys of Secrets.
        store: all jobs.
        memory: gets the list snapshots.
        clock: tells when a list began.
        wake: requeues a job.
        interval: seconds between two sweeps, before jitter.
        rng: jitter.
    """

    def __init__(
        self,
        api_keys: ApiKeys,
        store: Store,
        memory: Memory,
        clock: Clock,
        *,
        wake: Callable[[Key], None],
        interval: float,
        rng: random.Random | None = None,
    ) -> None:
        self._api_keys = api_keys
        self._store = store
        self._memory = memory
        self._clock = clock
        self._wake = wake
        self._interval = interval
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._wanted: dict[str, set[Key]] = defaultdict(set)
        self._running: dict[str, asyncio.Task[None]] = {}

    def search(self, api_key: ApiKey, key: Key) -> None:
        """Ask for a list for the job `key` that begins from now on; it requeues the job."""
        if (job := self._store.get(key)) is not None:
            self._memory.of(job).listed_with = api_key.key_id
        self._wanted[api_key.key_id].add(key)
        if api_key.key_id not in self._running:
            task = asyncio.create_task(self._work(api_key))
            self._running[api_key.key_id] = task

    async def run(self) -> None:
        """Sweep now and at intervals, until cancelled.

        What ended while no process ran is found by the first sweep. Between two sweeps there is a
        look every minute.
        """
        while True:
            await self.sweep()
            ends = self._clock.monotonic() + self._interval * self._spread()
            while (left := ends - self._clock.monotonic()) > BETWEEN_LOOKS:
                await asyncio.sleep(BETWEEN_LOOKS * self._spread())
                await self.look()
            await asyncio.sleep(left)

    def _spread(self) -> float:
        return self._rng.uniform(1 - JITTER, 1 + JITTER)

    async def sweep(self) -> None:
        """List the batches of every API key whose jobs have, or may have, a batch."""
        await self._list_where(lambda _job, _api_key: True)

    async def look(self) -> None:
        """Read the Secrets of all open jobs; list only where that may show anything new."""
        await self._list_where(self._looked_for)

    async def _list_where(self, which: Callable[[Job, ApiKey], bool]) -> None:
        """Read the Secrets of all open jobs; list the batches of those that `which` chooses."""
        open_jobs, failed = self._open_jobs(), dict[KeyRef, str]()

        async def read(ref: KeyRef) -> None:
            try:
                api_key = await self._api_keys.resolve(ref, max_age=MAX_AGE)
            except CredentialsProblem as error:
                self._without_key(open_jobs[ref], KeyProblem(error.reason, str(error)))
            except KubeError as error:
                # It says nothing about the key.
                failed[ref] = str(error)
            except Exception:
                # The other keys must be listed, and the whole controller would end.
                log.exception("a Secret could not be read", namespace=ref.namespace)
            else:
                for job in self._jobs(open_jobs[ref]):
                    if which(job, api_key):
                        self.search(api_key, job.key)

        await secret_reads.each(open_jobs, read)
        if failed:
            # One line for all of them: while the API server is away, none can be read.
            first = next(iter(failed.values()))
            log.warning("Secrets with API keys cannot be read", secrets=len(failed), error=first)

    def _without_key(self, keys: Iterable[Key], problem: KeyProblem) -> None:
        for job in self._jobs(keys):
            facts = self._memory.of(job)
            # A deletion goes on with the last key that worked (P22).
            open_ = _is_open(job) and not job.deleting
            if open_ and facts.key_problem != problem:
                # What the last list failed for is no longer what keeps the next one.
                facts.key_problem, facts.unlisted = problem, None
                self._wake(job.key)

    def _looked_for(self, job: Job, api_key: ApiKey) -> bool:
        """Return whether a list with this key may show anything new, although no sweep is due."""
        if _has_no_callback(job):
            return True
        facts = self._memory.of(job)
        unlisted = facts.key_problem is not None or _says_missing(job)
        if unlisted and facts.refused is None:
            # There is a usable key again.
            return _is_open(job)
        if facts.listed_with:
            return facts.listed_with != api_key.key_id
        return _is_open(job) and api_key.differs(job)

    async def close(self) -> None:
        """Cancel the lists that are running."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _open_jobs(self) -> dict[KeyRef, list[Key]]:
        refs: dict[KeyRef, list[Key]] = defaultdict(list)
        for job in self._store:
            if _listed_for(job, self._clock.now()):
                refs[job.api_key].append(job.key)
        return refs

    async def _work(self, api_key: ApiKey) -> None:
        key_id = api_key.key_id
        try:
            # Jobs that asked during a list get the next one: a running list may have passed the
            # page on which their batch would be, so it cannot prove that there is none.
            while keys := self._wanted.pop(key_id, None):
                await self._list(api_key, keys)
        finally:
            self._running.pop(key_id, None)

    async def _list(self, api_key: ApiKey, keys: set[Key]) -> None:
        begun = self._clock.monotonic()
        try:
            with metrics.SWEEP_SECONDS.time():
                listing = await api_key.client.batches.search()
        except GeminiError as error:
            self._failed(keys, error)
            return
        except Exception:
            # The task has no caller that would see the error, and its jobs would wait for ever.
            log.exception("a listing of batches failed unexpectedly")
            self._failed(keys, Unavailable("the list failed unexpectedly"))
            return
        index = None if listing is CANNOT_TELL else ListIndex(listing, api_key.fingerprint)
        for job in self._jobs(keys):
            self._note(job, None if index is None else index.list_snapshot(job, begun), api_key)

    def _failed(self, keys: set[Key], error: GeminiError) -> None:
        waiting = sorted(f"{key.namespace}/{key.name}" for key in keys)
        log.warning(
            "a listing of batches failed", jobs=len(waiting), of=waiting[:3], error=str(error)
        )
        for job in self._jobs(keys):
            facts = self._memory.of(job)
            rejected = isinstance(error, CredentialsRejected)
            facts.key_problem = None
            if rejected:
                facts.key_problem = KeyProblem(Reason.CREDENTIALS_REJECTED, str(error))
            facts.unlisted = None if rejected else error
            if not rejected:
                # Google was asked, so there is a usable key.
                facts.keyless_since = None
                # What another key may show is still to be listed.
                facts.listed_with = ""
            facts.failed_calls += 1
            facts.note_listed(self._clock.monotonic())
            self._wake(job.key)

    def _note(self, job: Job, shown: ListSnapshot | None, api_key: ApiKey) -> None:
        """Remember what a list shows of a job; `None` if Google has no list of such jobs."""
        facts = self._memory.of(job)
        attempt = job.status.attempt
        facts.key_problem = facts.unlisted = None
        facts.failed_calls = 0
        facts.no_list = shown is None
        # A deletion waits for the key that its attempts were sent with, not for any key.
        if shown is None or not shown.other_key:
            facts.keyless_since = None
        if shown is not None:
            facts.note_list_snapshot(shown, bool(attempt and attempt.batch_name))
            # Only of a batch that is not listed: a digest for each of ten thousand costs time.
            facts.key_differs = shown.current is None and api_key.differs(job)
        facts.note_listed(self._clock.monotonic())
        if shown is None or _is_news(job, shown):
            self._wake(job.key)

    def _jobs(self, keys: Iterable[Key]) -> list[Job]:
        return [job for key in keys if (job := self._store.get(key)) is not None]


def _is_news(job: Job, shown: ListSnapshot) -> bool:
    """Return whether a list shows a job's batch otherwise than its status does.

    Of ten thousand jobs that wait, a sweep wakes those that have something to do.
    """
    status, current = job.status, shown.current
    if current is None or job.deleting or find(status.conditions, STALLED) is not None:
        return True
    matches = (match.name for found in shown.matches.values() for match in found)
    seen = current.state, requests_of(current) or status.requests
    return seen != (status.gemini_state, status.requests) or any(
        name != current.name for name in matches
    )


def _has_no_callback(job: Job) -> bool:
    """Return whether the batch was submitted for another object, or for none: nobody calls this one."""
    return job.spec.adopt is not None


def _listed_for(job: Job, now: datetime) -> bool:
    """Return whether a list may show anything new about the job."""
    return _is_open(job) or duplicates.watched(job, now)


def _is_open(job: Job) -> bool:
    """Return whether the job has, or may have, a batch that has not ended."""
    return job.status.attempt is not None and not job.finished


def _says_missing(job: Job) -> bool:
    return find_reason(job.status.conditions, STALLED) == Reason.CREDENTIALS_MISSING
