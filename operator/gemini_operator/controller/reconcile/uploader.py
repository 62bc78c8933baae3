"""Carries out `Upload`: copies an input to Google beside the reconciles, and reports how it goes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.input import InputObject
from gemini_operator.api.v1alpha1.status import InputFile
from gemini_operator.base.backoff import Backoff
from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import uploading
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import failed
from gemini_operator.controller.memory import Refusal
from gemini_operator.controller.quota.throttle import BASE, CAP
from gemini_operator.controller.reconcile import refusals
from gemini_operator.controller.reconcile.delivery import Delivery
from gemini_operator.controller.remote.access import RemoteAccess
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.controller.remote.call_limit import Busy
from gemini_operator.controller.transfers import (
    LONGEST_INPUT,
    REPORT_EVERY,
    Direction,
    Transfer,
    Transfers,
    within,
)
from gemini_operator.gemini import errors
from gemini_operator.gemini.uploads import NewFile
from gemini_operator.payload import upload
from gemini_operator.payload.input_check import InputCheck, is_packed
from gemini_operator.payload.objects import location
from gemini_operator.payload.objects.access import ObjectAccess
from gemini_operator.payload.objects.errors import InvalidUri, ObjectError, TooSlow
from gemini_operator.payload.objects.source import Source

FIRST, MOST = 2.0, 60.0
"""Seconds until an upload that failed is tried again: the first time, and at most."""

MOST_IF_REJECTED = 900.0
"""Seconds at most if Google refuses the file itself: each try may copy 2 GB, for the same answer."""

FIRST_IF_FULL = 60.0
"""Seconds until the first further try if Google has no room."""


class Uploader:
    """Copies inputs to Google.

    Args:
        objects: opens inputs.
        access: API keys.
        delivery: checks outputs before gigabytes are copied for nothing.
        transfers: runs the copies.
        clock: times the reports of their progress.
        longest: time for one copy.
    """

    def __init__(
        self,
        objects: ObjectAccess,
        access: RemoteAccess,
        delivery: Delivery,
        transfers: Transfers,
        clock: Clock,
        *,
        longest: timedelta = LONGEST_INPUT,
    ) -> None:
        self._longest = longest
        self._objects = objects
        self._access = access
        self._delivery = delivery
        self._transfers = transfers
        self._clock = clock
        self._throttles = Backoff(BASE, CAP)
        self._failures = Backoff(FIRST, MOST)
        self._rejections = Backoff(FIRST, MOST_IF_REJECTED)
        self._no_room = Backoff(FIRST_IF_FULL, MOST_IF_REJECTED)

    async def upload(self, snapshot: Snapshot, file_name: str) -> PatchStatus:
        """Start the upload, report its progress, or report its end.

        Raises:
            CredentialsProblem: there is no usable API key.
            GeminiError, KubeError: no answer for now; uploading again is safe.
        """
        try:
            return await self._upload(snapshot, file_name)
        except errors.Throttled as error:
            return self._throttled(snapshot, error)
        except errors.CredentialsRejected as error:
            self._wait(snapshot, error)
            return uploading.refused(snapshot, error)
        except errors.NotSent:
            # This process may no longer act.
            raise
        except errors.GeminiError as error:
            self._wait(snapshot, error)
            raise

    async def _upload(self, snapshot: Snapshot, file_name: str) -> PatchStatus:
        job, source = snapshot.job, _source(snapshot.job)
        transfer: Transfer[InputFile] | None = await self._transfers.of(job, file_name)
        if transfer is None:
            if rest := self._transfers.rest(job):
                return uploading.resting(snapshot, rest)
            api_key = await self._access.resolve(job)
            refusal = snapshot.facts.upload_refusal
            left = refusal.left(api_key.key_id, snapshot.monotonic) if refusal else 0.0
            if refusal is not None and left > 0:
                return _still_refused(snapshot, refusal, left)
            snapshot.facts.upload_key = api_key.key_id
            file = snapshot.status.input_file
            if file is not None and file.sha256 is not None:
                return await _look_again(snapshot, file, await self._access.enter(job))
            try:
                await self._delivery.check(job)
                work = partial(self._copy, job, source, file_name, api_key)
                transfer = self._transfers.start(Direction.INPUT, job, file_name, work)
            except refusals.REFUSALS as error:
                return refusals.before_submission(snapshot, error)
            except Busy:
                return uploading.waiting(snapshot)
        if transfer.done:
            return self._ended(snapshot, transfer)
        return self._progress(snapshot, transfer)

    def _throttled(self, snapshot: Snapshot, error: errors.Throttled) -> PatchStatus:
        seconds = self._wait(snapshot, error)
        snapshot.facts.failed_calls = 0
        return uploading.throttled(snapshot, error, seconds)

    def _wait(self, snapshot: Snapshot, error: errors.GeminiError) -> float:
        """Keep the job from uploading for a while, and return the seconds.

        Its own write of the status wakes it at once, and each start of a copy would end the back-off
        of its reconciles.
        """
        facts = snapshot.facts
        in_a_row = facts.upload_refusal.in_a_row + 1 if facts.upload_refusal else 1
        seconds = self._backoff_of(error).seconds(in_a_row, error.retry_after)
        until = self._clock.monotonic() + seconds
        facts.upload_refusal = Refusal("", error, seconds, in_a_row, facts.upload_key, until)
        return seconds

    def _backoff_of(self, error: errors.GeminiError) -> Backoff:
        match error:
            case errors.StorageFull():
                return self._no_room
            case errors.Throttled():
                return self._throttles
            case errors.Rejected():
                return self._rejections
            case _:
                return self._failures

    def _progress(self, snapshot: Snapshot, transfer: Transfer[InputFile]) -> PatchStatus:
        left = transfer.report_in(self._clock.monotonic())
        if left > 0:
            return PatchStatus(snapshot.status, seconds=left)
        # Nothing is being copied before the source was opened and Google takes its bytes.
        if not transfer.begun or not uploading.is_news(snapshot, transfer.moved):
            return PatchStatus(snapshot.status, seconds=REPORT_EVERY)
        transfer.reported = self._clock.monotonic()
        return uploading.progress(snapshot, transfer.moved, transfer.total, REPORT_EVERY)

    def _ended(self, snapshot: Snapshot, transfer: Transfer[InputFile]) -> PatchStatus:
        try:
            file = self._transfers.take(transfer, snapshot.job.key)
        except (InvalidUri, upload.NotOurs) as error:
            return failed(snapshot, Reason.INVALID_INPUT, f"{error}.")
        except ObjectError as error:
            return uploading.unread(snapshot, refusals.of_input(error), f"{error}.")
        except refusals.REFUSALS as error:
            return refusals.before_submission(snapshot, error)
        except errors.NameTaken:
            patch = uploading.name_taken(snapshot)
            if patch is None:
                raise
            return patch
        snapshot.facts.upload_refusal = None
        return uploading.uploaded(snapshot, file)

    async def _copy(
        self,
        job: Job,
        source: InputObject,
        file_name: str,
        api_key: ApiKey,
        transfer: Transfer[InputFile],
    ) -> InputFile:
        @asynccontextmanager
        async def open_input() -> AsyncIterator[Source]:
            async with self._objects.reading(job.key.namespace, source) as found:
                transfer.total = None if is_packed(source.uri) else found.size
                yield found

        def check() -> InputCheck:
            return InputCheck(source.uri, job.spec.type)

        def sent(moved: int) -> None:
            begins = not transfer.begun
            transfer.note(moved)
            if begins:
                self._transfers.wake(job.key)

        new = NewFile(file_name, uploading.display_name(job))
        too_slow = TooSlow(
            f"{location.display(source.uri)} could not be copied within {self._longest}; use a "
            "faster source, or split it into several jobs"
        )
        async with within(self._longest, too_slow):
            checked, info = await upload.upload(api_key.client.files, new, open_input, check, sent)
        return InputFile(
            file_name=file_name,
            bytes=checked.bytes,
            records=checked.records,
            sha256=checked.sha256,
            expiration_time=info.expires,
        )


def _still_refused(snapshot: Snapshot, refusal: Refusal, seconds: float) -> PatchStatus:
    """Wait, and say for what: the job may have been suspended and resumed meanwhile."""
    if isinstance(refusal.error, errors.Throttled):
        return uploading.throttled(snapshot, refusal.error, seconds)
    return PatchStatus(snapshot.status, seconds=seconds)


async def _look_again(snapshot: Snapshot, file: InputFile, api_key: ApiKey) -> PatchStatus:
    """Look whether Google still has the file: a create did not find it."""
    try:
        info = await api_key.client.files.get(file.file_name)
    except errors.NotFound:
        info = None
    snapshot.facts.file_doubted = False
    snapshot.facts.upload_refusal = None
    if info is None or info.size != file.bytes or info.sha256 not in (None, file.sha256):
        return uploading.lost(snapshot)
    return uploading.uploaded(snapshot, file)


def _source(job: Job) -> InputObject:
    if job.spec.input is None or job.spec.input.object is None:
        raise AssertionError("a job without input.object was to upload")
    return job.spec.input.object
