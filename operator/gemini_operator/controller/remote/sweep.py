"""Lists of an API key's batches; one list serves all jobs of the key (decision 0007).

A search asks for a list at once (P11). The sweep lists every key in use at intervals (P20). What a
list shows of a job becomes a fact about the job, and a reconcile decides what it means.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from gemini_operator.api.conditions import STALLED, find
from gemini_operator.base import metrics
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.lifecycle import attempts, duplicates, ownership
from gemini_operator.controller.lifecycle.status import requests_of
from gemini_operator.controller.memory import ListSnapshot, Memory
from gemini_operator.controller.remote.api_keys import (
    ApiKey,
    ApiKeys,
    CredentialsProblem,
)
from gemini_operator.controller.store import Store
from gemini_operator.gemini.errors import CredentialsRejected, GeminiError
from gemini_operator.gemini.remote import CANNOT_TELL, Listing, Summary
from gemini_operator.gemini.tokens import Token, token_of
from gemini_operator.kube.errors import KubeError

# Share of the interval by which each wait varies.
JITTER = 0.1

# Seconds between two looks at batches that no webhook tells of.
WITHOUT_CALLBACK = 60.0

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
        self._wanted[api_key.key_id].add(key)
        if api_key.key_id not in self._running:
            task = asyncio.create_task(self._work(api_key))
            self._running[api_key.key_id] = task

    async def run(self) -> None:
        """Sweep now and at intervals, until cancelled.

        What ended while no process ran is found by the first sweep. Between two sweeps the jobs
        whose batch has no webhook are looked at every minute.
        """
        while True:
            await self.sweep()
            ends = self._clock.monotonic() + self._interval * self._spread()
            while (left := ends - self._clock.monotonic()) > WITHOUT_CALLBACK:
                await asyncio.sleep(WITHOUT_CALLBACK * self._spread())
                await self.sweep(_has_no_callback)
            await asyncio.sleep(left)

    def _spread(self) -> float:
        return self._rng.uniform(1 - JITTER, 1 + JITTER)

    async def sweep(self, which: Callable[[Job], bool] = lambda _job: True) -> None:
        """List the batches of every API key whose jobs have, or may have, a batch.

        Args:
            which: tells whether a job is of interest.
        """
        for ref, keys in self._open_jobs(which).items():
            try:
                api_key = await self._api_keys.resolve(ref)
            except (CredentialsProblem, KubeError) as error:
                log.warning("the batches of an API key cannot be listed", error=str(error))
                # The jobs report it themselves, and the other keys must be swept.
                continue
            for key in keys:
                self.search(api_key, key)

    async def close(self) -> None:
        """Cancel the lists that are running."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _open_jobs(self, which: Callable[[Job], bool]) -> dict[KeyRef, list[Key]]:
        refs: dict[KeyRef, list[Key]] = defaultdict(list)
        for job in self._store:
            if which(job) and _listed_for(job, self._clock.now()):
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
            self._failed(keys, None)
            return
        index = None if listing is CANNOT_TELL else Index(listing, api_key.fingerprint)
        for job in self._jobs(keys):
            self._note(job, None if index is None else index.list_snapshot(job, begun))

    def _failed(self, keys: set[Key], error: GeminiError | None) -> None:
        if error is not None:
            waiting = sorted(f"{key.namespace}/{key.name}" for key in keys)
            log.warning(
                "a listing of batches failed", jobs=len(waiting), of=waiting[:3], error=str(error)
            )
        for job in self._jobs(keys):
            facts = self._memory.of(job)
            rejected = isinstance(error, CredentialsRejected)
            facts.refused = str(error) if rejected else None
            facts.unlisted = None if rejected else str(error or "the list failed unexpectedly")
            if not rejected:
                # Google was asked, so there is a usable key.
                facts.keyless_since = None
            facts.failed_calls += 1
            facts.note_listed(self._clock.monotonic())
            self._wake(job.key)

    def _note(self, job: Job, shown: ListSnapshot | None) -> None:
        """Remember what a list shows of a job; `None` if Google has no list of such jobs."""
        facts = self._memory.of(job)
        attempt = job.status.attempt
        facts.refused = facts.unlisted = None
        facts.failed_calls = 0
        facts.no_list = shown is None
        # A deletion waits for the key that its attempts were sent with, not for any key.
        if shown is None or not shown.other_key:
            facts.keyless_since = None
        if shown is not None:
            facts.note_list_snapshot(shown, bool(attempt and attempt.batch_name))
        facts.note_listed(self._clock.monotonic())
        if shown is None or _is_news(job, shown):
            self._wake(job.key)

    def _jobs(self, keys: Iterable[Key]) -> list[Job]:
        return [job for key in keys if (job := self._store.get(key)) is not None]


class Index:
    """A list of batches, indexed by name and by token.

    Args:
        listing: the batches.
        fingerprint: returns, for a job's uid, the fingerprint of the API key they were listed with.
    """

    def __init__(self, listing: Listing, fingerprint: Callable[[str], str]) -> None:
        self._complete = listing.complete
        self._fingerprint = fingerprint
        self._by_name = {batch.name: batch for batch in listing.batches}
        self._by_token: dict[Token, list[Summary]] = defaultdict(list)
        for batch in listing.batches:
            if batch.token is not None:
                self._by_token[batch.token].append(batch)

    def list_snapshot(self, job: Job, begun: float) -> ListSnapshot:
        """Return what the list shows of `job`.

        Args:
            job: the job; a batch that is not its own is left out.
            begun: monotonic seconds at which the list began.
        """
        current = self._by_name.get(job.status.batch_name or "")
        if current is not None and not ownership.owns(job, current):
            current = None
        return ListSnapshot(
            begun=begun,
            complete=self._complete,
            current=current,
            matches={
                an_id: tuple(self._by_token.get(token_of(job.uid, an_id), ()))
                for an_id in ownership.recorded_ids(job)
            },
            other_key=self._other_key(job),
        )

    def _other_key(self, job: Job) -> frozenset[str]:
        """Return the ids of attempts of unknown outcome that were sent with another API key."""
        # A status without a fingerprint is of an operator that recorded none.
        recorded = {
            attempt.id: attempt.api_key_fingerprint
            for attempt in attempts.unknown(job)
            if attempt.api_key_fingerprint is not None
        }
        # Most jobs have none, and a sweep of ten thousand must not compute a digest for each.
        if not recorded:
            return frozenset()
        own = self._fingerprint(job.uid)
        return frozenset(an_id for an_id, theirs in recorded.items() if theirs != own)


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
    open_ = job.status.attempt is not None and not job.finished
    return open_ or duplicates.watched(job, now)
