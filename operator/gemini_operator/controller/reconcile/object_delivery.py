"""Copies results to object storage as a stream, beside the reconciles."""

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from gemini_operator.api.v1alpha1.output import OutputObject
from gemini_operator.api.v1alpha1.status import OutputStatus
from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import completion
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.tally import Tally
from gemini_operator.controller.reconcile.result_lines import Lines, ResultLines
from gemini_operator.controller.remote.call_limit import Busy
from gemini_operator.controller.transfers import (
    LONGEST_RESULTS,
    REPORT_EVERY,
    Direction,
    Transfer,
    Transfers,
    within,
)
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Observation
from gemini_operator.payload.objects import sink
from gemini_operator.payload.objects.access import ObjectAccess
from gemini_operator.payload.objects.errors import Unavailable
from gemini_operator.payload.read_ahead import read_ahead

AHEAD: Final = 8
"""Pieces of 1 MiB that are read while a part of 8 MiB is written."""


@dataclass(frozen=True)
class Delivered:
    """Results that are in their place."""

    place: OutputStatus
    tally: Tally


class ObjectDelivery:
    """Copies results to object storage.

    Args:
        objects: opens outputs.
        lines: reads results.
        transfers: runs the copies.
        clock: times the reports of their progress.
        longest: time for one copy.
    """

    def __init__(
        self,
        objects: ObjectAccess,
        lines: ResultLines,
        transfers: Transfers,
        clock: Clock,
        longest: timedelta = LONGEST_RESULTS,
    ) -> None:
        self._longest = longest
        self._objects = objects
        self._lines = lines
        self._transfers = transfers
        self._clock = clock

    async def check(self, job: Job, output: OutputObject) -> None:
        """Make sure, before anything is paid for, that the output's bucket and credentials exist.

        Raises:
            ObjectError: there is no bucket, or there are no credentials that could be used.
            KubeError: the API server did not answer.
        """
        await sink.check(
            *await self._objects.writing(job.key.namespace, job.key.name, job.uid, output)
        )

    def under_way(self, job: Job) -> Observation | None:
        """Return the batch whose results are being copied, or have been; it need not be read again."""
        subject = self._transfers.subject(job, job.status.batch_name)
        return subject if isinstance(subject, Observation) else None

    async def deliver(
        self, snapshot: Snapshot, observation: Observation, client: GeminiClient, to: OutputObject
    ) -> Delivered | PatchStatus:
        """Start the copy, report its progress, or return what was delivered.

        Raises:
            ObjectError: the output cannot be written.
            ResultsLate: Google does not show the results.
            ResultsTooLarge, errors.TooLarge: they exceed every limit.
            Stale, GeminiError, KubeError: no answer for now; delivering again is safe.
        """
        job, batch = snapshot.job, observation.summary.name
        transfer: Transfer[Delivered] | None = await self._transfers.of(job, batch)
        if transfer is None:
            if rest := self._transfers.rest(job):
                return PatchStatus(snapshot.status, seconds=rest)
            work = partial(self._copy, job, observation, client, to)
            try:
                transfer = self._transfers.start(Direction.OUTPUT, job, batch, work, observation)
            except Busy:
                return completion.delivering(snapshot, observation, None, math.inf)
        if transfer.done:
            return self._transfers.take(transfer, job.key)
        left = transfer.report_in(self._clock.monotonic())
        if left > 0:
            return PatchStatus(snapshot.status, seconds=left)
        transfer.reported = self._clock.monotonic()
        return completion.delivering(snapshot, observation, transfer.moved, REPORT_EVERY)

    async def _copy(
        self,
        job: Job,
        observation: Observation,
        client: GeminiClient,
        to: OutputObject,
        transfer: Transfer[Delivered],
    ) -> Delivered:
        where, store = await self._objects.writing(job.key.namespace, job.key.name, job.uid, to)
        lines = Lines()
        too_slow = Unavailable(
            f"{where} could not be written within {self._longest}; it is tried again"
        )
        async with (
            within(self._longest, too_slow),
            aclosing(self._lines.of(job, observation, client, lines)) as found,
            aclosing(read_ahead(found, AHEAD)) as ahead,
            aclosing(_noted(ahead, transfer)) as noted,
        ):
            written = await sink.write(where, store, noted)
        place = OutputStatus(
            uri=where.uri, bytes=written.bytes, records=lines.records, sha256=written.sha256
        )
        return Delivered(place, lines.tally)


async def _noted(
    pieces: AsyncIterator[bytes], transfer: Transfer[Delivered]
) -> AsyncGenerator[bytes, None]:
    moved = 0
    async for piece in pieces:
        yield piece
        moved += len(piece)
        transfer.note(moved)
