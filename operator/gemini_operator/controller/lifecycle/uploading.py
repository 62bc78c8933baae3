"""Upload: an input in object storage is copied to Google before its job asks for quota (P10).

A file lives 48 hours at Google (ai.google.dev/gemini-api/docs/files). One that expires while its job
waits is uploaded again, under another name.
"""

import math
from dataclasses import replace
from datetime import timedelta

from gemini_operator.api.conditions import STALLED, SUBMITTED, find, find_reason
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import InputFile, Status
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import submission
from gemini_operator.controller.lifecycle.credentials import not_permitted, rejected
from gemini_operator.controller.lifecycle.decisions import Decision, PatchStatus, Upload
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import (
    HEALED_BY_A_TURN,
    HEALED_BY_AN_ANSWER,
    QUOTAS,
    healed,
    not_copied,
    stalled,
    without_stalled,
)
from gemini_operator.gemini import errors

LEAST_LEFT = timedelta(hours=24)
"""What a file still has to live when its batch is submitted. Nobody documents whether Google keeps
the file of a batch that waits, and most batches end within a day."""

EARLIER = 2
"""Files before the newest one that Google may still have: one follows another after 24 of 48 hours."""

NAMES = 4
"""Names that are tried while Google answers that they are taken."""

BEFORE_A_COPY = HEALED_BY_A_TURN | {Reason.OUTPUT_REFUSED}
"""Problems that are over once a copy may begin: the key was read, and the output looked at."""

DURING_A_COPY = BEFORE_A_COPY | {Reason.CREDENTIALS_REJECTED}
"""Problems that are over once Google takes what is copied. How it ends shows about the others."""

MIB = 2**20

# A file's id has room for so many: 40 characters, of which the uid takes 32 and the dash one.
_NUMBERS = 10**7


def decide(snapshot: Snapshot) -> Decision | None:
    """Upload the input of a job that has no attempt, unless Google has it."""
    if not uploads(snapshot.job) or snapshot.status.attempt is not None:
        return None
    file = snapshot.status.input_file
    # Others may be able to write the status, and could name somebody else's file (S7).
    if file is None or not _is_ours(snapshot.job, file):
        return _announced(snapshot, 1)
    if file.sha256 is None:
        return Upload(file.file_name)
    if _expires(snapshot, file):
        return _announced(snapshot, _number(file) + 1)
    # Google did not find the file when it was to be used.
    return Upload(file.file_name) if snapshot.facts.file_doubted else None


def uploads(job: Job) -> bool:
    """Return whether the job's input has to be uploaded."""
    return job.spec.input is not None and job.spec.input.object is not None


def names(job: Job) -> tuple[str, ...]:
    """Return the names of the files that the job may have at Google."""
    if not uploads(job) or job.status.input_file is None:
        return ()
    newest = _number(job.status.input_file)
    earlier = range(max(1, newest - EARLIER), newest)
    return (job.status.input_file.file_name, *(_name(job, number) for number in earlier))


def display_name(job: Job) -> str:
    """Return the display name by which the job's files are recognised at Google (S7)."""
    return f"{job.key.namespace}/{job.key.name} [{job.uid}]"


def lost(snapshot: Snapshot) -> PatchStatus:
    """Upload under another name, as Google no longer has the file."""
    file = snapshot.status.input_file
    return _announced(snapshot, 1 if file is None else _number(file) + 1)


def name_taken(snapshot: Snapshot) -> PatchStatus | None:
    """Upload under another name, as Google finds no file of this one and yet refuses it.

    Return `None` if several names were refused: then another one would not help.
    """
    file = snapshot.status.input_file
    return lost(snapshot) if file is None or _number(file) < NAMES else None


def waiting(snapshot: Snapshot) -> PatchStatus:
    """Report that the upload waits for its turn."""
    # Of a copy that a restart ended nothing is left.
    status = without_stalled(not_copied(snapshot, snapshot.status), BEFORE_A_COPY)
    return PatchStatus(_waits(snapshot, status), seconds=math.inf)


def resting(snapshot: Snapshot, seconds: float) -> PatchStatus:
    """Wait after a copy that failed; of a job that was resumed meanwhile, say that it waits."""
    resumed = find_reason(snapshot.status.conditions, SUBMITTED) == Reason.RESUMED
    status = _waits(snapshot, snapshot.status) if resumed else snapshot.status
    return PatchStatus(status, seconds=seconds)


def is_news(snapshot: Snapshot, moved: int) -> bool:
    """Return whether the progress of an upload says more than the status does.

    Until Google has some of it, an upload may end as the last one did. Each try would be two writes.
    """
    said = find(snapshot.status.conditions, SUBMITTED)
    refused = said is not None and said.reason in QUOTAS
    return moved > 0 or not (refused or find(snapshot.status.conditions, STALLED))


def progress(snapshot: Snapshot, moved: int, total: int | None, seconds: float) -> PatchStatus:
    """Report how much was uploaded, and look again in `seconds`.

    Args:
        snapshot: the job.
        moved: bytes that Google has.
        total: bytes of the input, if they are known.
        seconds: until the next reconcile.
    """
    status = snapshot.revise(state=State.UPLOADING, input_file=_with_bytes(snapshot, moved))
    of_all = "" if total is None else f" of {math.ceil(total / MIB)}"
    message = Reason.UPLOADING.explain(f"Copied {moved // MIB}{of_all} MiB.")
    status = snapshot.condition(status, SUBMITTED, False, Reason.UPLOADING, message)
    return PatchStatus(without_stalled(status, DURING_A_COPY), seconds=seconds)


def unread(snapshot: Snapshot, reason: Reason, problem: str) -> PatchStatus:
    """Stall the job until its input can be read; nothing is being copied meanwhile."""
    return _stopped(snapshot, reason, reason.explain(problem))


def throttled(snapshot: Snapshot, error: errors.Throttled, seconds: float) -> PatchStatus:
    """Report that a quota of the API key is used up, and look again in `seconds`."""
    before = snapshot.with_status(not_copied(snapshot, snapshot.status))
    full = isinstance(error, errors.StorageFull)
    reason = Reason.FILE_STORAGE_FULL if full else Reason.QUOTA_EXCEEDED
    write = submission.queued(before, reason, str(error), seconds)
    # A 429 shows that Google knows the key, so a `Stalled` about the key is over.
    return replace(write, status=healed(write.status))


def refused(snapshot: Snapshot, error: errors.CredentialsRejected) -> PatchStatus:
    """Stall the job, as Google refuses its API key, or refuses the key this upload."""
    reason = Reason.CREDENTIALS_REJECTED
    if isinstance(error, errors.PermissionDenied):
        return _stopped(snapshot, reason, not_permitted(error))
    return _stopped(snapshot, reason, rejected(snapshot.job, error))


def uploaded(snapshot: Snapshot, file: InputFile) -> PatchStatus:
    """Report that the input is at Google."""
    # The first one may be of an interrupted upload of yesterday. If the next one expires as soon,
    # every one would, and none would be submitted: Google's files live shorter now, or a clock is
    # wrong. Whether the file is still there then shows the create.
    if _number(file) > 1 and _expires(snapshot, file):
        file = file.model_copy(update={"expiration_time": None})
    status = snapshot.revise(state=State.QUEUED, input_file=file)
    status = snapshot.condition(status, SUBMITTED, False, Reason.UPLOADED)
    return PatchStatus(healed(status))


def _announced(snapshot: Snapshot, number: int) -> PatchStatus:
    """Record the name of the file before there is one, so that a deletion of the job finds it."""
    status = snapshot.revise(input_file=InputFile(file_name=_name(snapshot.job, number)))
    return PatchStatus(_waits(snapshot, status))


def _waits(snapshot: Snapshot, status: Status) -> Status:
    status = snapshot.revise(status, state=State.QUEUED)
    said, problem = find(status.conditions, SUBMITTED), find(status.conditions, STALLED)
    reason, message = Reason.WAITING_TO_UPLOAD, None
    if problem is not None and problem.reason in HEALED_BY_AN_ANSWER:
        reason, message = Reason(problem.reason), problem.message
    if said is not None and said.reason == reason:
        return status
    return snapshot.condition(status, SUBMITTED, False, reason, message)


def _stopped(snapshot: Snapshot, reason: Reason, message: str) -> PatchStatus:
    """Stall the job for what ended its upload."""
    status = snapshot.condition(
        not_copied(snapshot, snapshot.status), SUBMITTED, False, reason, message
    )
    return stalled(snapshot.with_status(status), reason, "", message=message)


def _with_bytes(snapshot: Snapshot, moved: int) -> InputFile:
    file = snapshot.status.input_file
    if file is None:
        raise AssertionError("an upload begins once its file's name is on record")
    # Google shows the end of it only with the end of the upload.
    return file.model_copy(update={"bytes": moved})


def _expires(snapshot: Snapshot, file: InputFile) -> bool:
    return file.expiration_time is not None and file.expiration_time - snapshot.now < LEAST_LEFT


def _name(job: Job, number: int) -> str:
    """Return a name that belongs to this job alone; a file id has at most 40 characters."""
    return f"files/{job.uid.replace('-', '')}-{number}"


def _is_ours(job: Job, file: InputFile) -> bool:
    number = _number(file)
    return 0 < number < _NUMBERS and file.file_name == _name(job, number)


def _number(file: InputFile) -> int:
    _, _, number = file.file_name.rpartition("-")
    return int(number) if number.isdecimal() else 0
