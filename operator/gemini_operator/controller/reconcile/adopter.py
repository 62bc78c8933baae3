"""Carries out `Adopt`: read the batch, compare the claims of other jobs, write the result."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.spec import AdoptSource
from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.controller.job import Job, JobReader
from gemini_operator.controller.lifecycle import adoption, ownership
from gemini_operator.controller.lifecycle.adoption import Holder
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import stalled
from gemini_operator.controller.reconcile import refusals
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.delivery import Delivery
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.controller.remote.reads import look
from gemini_operator.gemini.remote import Summary
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.payload.config_map import DeliveryRefused, OutputRefused
from gemini_operator.payload.objects.errors import InvalidUri, ObjectError


class Adopter:
    """Adopts batches, each for one job only.

    Args:
        batch_jobs: lists the jobs that have or claim a batch.
        claims: proves their claims.
        delivery: checks the output before anything is adopted.
        reader: projects the listed objects.
        namespaces: the namespaces watched; `None` for all.
    """

    def __init__(
        self,
        batch_jobs: BatchJobs,
        claims: Claims,
        delivery: Delivery,
        reader: JobReader,
        namespaces: Sequence[str] | None,
    ) -> None:
        # Guards the list of claims and the write that follows it, so that every list shows all
        # earlier adoptions. Nothing in between calls Google, which may take minutes to answer.
        self._turn = asyncio.Lock()
        self._delivery = delivery
        self._reader = reader
        self._batch_jobs = batch_jobs
        self._claims = claims
        self._namespaces = namespaces

    async def adopt(
        self,
        snapshot: Snapshot,
        api_key: ApiKey,
        write: Callable[[PatchStatus], Awaitable[None]],
    ) -> None:
        """Adopt the batch of `spec.adopt`, or write why not.

        Args:
            snapshot: the adopting job.
            api_key: its API key.
            write: writes a status and schedules the next reconcile.

        Raises:
            KubeError, GeminiError: no answer for now; adopting again is safe.
        """
        terms = snapshot.job.spec.adopt
        if terms is None:
            raise AssertionError("a job without spec.adopt was to adopt a batch")
        batch = await look(api_key.client, terms.batch_name)
        if batch is None:
            await write(adoption.not_found(snapshot, terms))
            return
        # The claim is a write of its own, followed by another reconcile. So of two jobs that adopt
        # at once, at least one sees the other's claim.
        early = adoption.refused(snapshot, batch) or await self._without_output(snapshot)
        early = early or adoption.claimed(snapshot, terms)
        if early is not None:
            await write(early)
            return
        await self._settle(snapshot, terms, api_key, batch, write)

    async def _settle(
        self,
        snapshot: Snapshot,
        terms: AdoptSource,
        api_key: ApiKey,
        batch: Summary,
        write: Callable[[PatchStatus], Awaitable[None]],
    ) -> None:
        rivals = await self._rivals(snapshot, terms)
        snapshot.facts.note_rivals(bool(rivals), snapshot.monotonic)
        # Proofs call Google, so they come before the lock. A rival that shows up in between is
        # unproven, and is waited for.
        proven = await self._claims.proven(rivals, batch, api_key)
        async with self._turn:
            rivals = await self._rivals(snapshot, terms)
            contested = adoption.contested(snapshot, terms, _holders(rivals, terms, proven))
            await write(
                contested or adoption.settled(snapshot, batch, _record(snapshot, batch, api_key))
            )

    async def _rivals(self, snapshot: Snapshot, terms: AdoptSource) -> list[Job]:
        listed = await self._batch_jobs.list_by_batch(self._namespaces, terms.batch_name)
        # The operator never acts for an unreadable object, so it has no batch.
        jobs = [one for one in map(self._reader.read, listed) if isinstance(one, Job)]
        # The predecessor counts even if its status no longer names the batch: while it is not over
        # it may still act on it.
        previous = self._claims.previous(snapshot.job)
        if previous is not None and previous.uid not in {one.uid for one in jobs}:
            jobs.append(previous)
        return [one for one in jobs if one.uid != snapshot.job.uid]

    async def _without_output(self, snapshot: Snapshot) -> PatchStatus | None:
        """Return the failure of a job whose output cannot be used; `None` if it can."""
        try:
            await self._delivery.check(snapshot.job)
        except (DeliveryRefused, InvalidUri) as error:
            return refusals.no_place(snapshot, "Nothing was adopted", error)
        except (OutputRefused, ObjectError) as error:
            return stalled(snapshot, Reason.OUTPUT_REFUSED, f"{error}.")
        return None


def _record(snapshot: Snapshot, batch: Summary, api_key: ApiKey) -> Attempt:
    return Attempt(
        id=secrets.token_hex(8),
        number=1,
        start_time=snapshot.now,
        batch_name=batch.name,
        api_key_fingerprint=api_key.fingerprint(snapshot.job.uid),
    )


def _holders(rivals: Iterable[Job], terms: AdoptSource, proven: set[str]) -> list[Holder]:
    return [
        Holder(
            uid=one.uid,
            created=one.created,
            has_it=ownership.holds(one, terms.batch_name),
            over=ownership.over(one),
            proven=one.uid in proven,
        )
        for one in rivals
    ]
