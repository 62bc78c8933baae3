"""What the operator reports: the status of a GeminiBatchJob.

The controller writes all of it but `lastEvent`, which the receiver writes and nobody else.
"""

from typing import Annotated, Any

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from gemini_operator.api import names
from gemini_operator.api.conditions import Condition
from gemini_operator.api.model import Model, Time, bounded
from gemini_operator.api.states import State
from gemini_operator.api.uri import URI_LIMIT

EVENT_ID_LIMIT = 256
"""Characters in the id of an event."""

REQUEST_LIMIT = 256
"""Characters of the refresh annotation's value that `observedRequest` holds."""

_WORDS = ", ".join(State)
STATE = f"state summarizes the job in one word: {' or '.join(_WORDS.rsplit(', ', 1))}. Programs should use conditions."

Count = Annotated[int, Field(ge=0)]
BatchName = Annotated[str, bounded(136, names.BATCH_NAME)]
FileName = Annotated[str, bounded(134, names.FILE_NAME)]
Digest = Annotated[str, bounded(64, names.SHA256)]


class Attempt(Model):
    """One create request: written down before it is sent."""

    id: Annotated[str, bounded(16, names.ATTEMPT_ID)]
    """id is 16 random hexadecimal digits; they are part of the batch's display name at Google."""

    number: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """number counts the job's attempts from 1."""

    start_time: Time
    """startTime is when the attempt was recorded, before the request was sent."""

    batch_name: BatchName | None = None
    """batchName is the batch that the attempt created, absent until Google's answer is known."""

    api_key_fingerprint: Annotated[str, bounded(64)] | None = None
    """apiKeyFingerprint shows whether the API key has changed. The key cannot be computed from it."""

    input_sha256: Digest | None = None
    """inputSha256 is the SHA-256, in hexadecimal, of the requests' keys and metadata. It shows
    whether an input ConfigMap has changed since; absent for requests that the operator did not read."""


class SupersededAttempt(Attempt):
    """An attempt that was given up, in case its batch surfaces."""

    reason: Annotated[str, bounded(64)] | None = None
    """reason says what happened to the attempt's batch; absent while no batch is known."""


class Requests(Model):
    """How many requests the batch has, as Google counts them."""

    total: Count
    """total is the number of requests in the batch."""

    succeeded: Count
    """succeeded is the number of requests that have a result."""

    failed: Count
    """failed is the number of requests that ended in an error."""

    pending: Count
    """pending is the number of requests that have not ended."""


class InputFile(Model):
    """A file that the operator uploads to Google's File API."""

    file_name: FileName
    """fileName is the file's name at Google, made from the job's uid. It is here before there is a
    file, so that a deletion of the job finds what an interrupted upload has left."""

    bytes: Count | None = None
    """bytes is the size of the file; during the upload, what Google has of it so far."""

    records: Count | None = None
    """records is the number of requests in the file, absent during the upload."""

    sha256: Digest | None = None
    """sha256 is the SHA-256 of the file, in hexadecimal, absent during the upload."""

    expiration_time: Time | None = None
    """expirationTime is when Google deletes the file."""


class OutputStatus(Model):
    """Where the results are."""

    file_name: FileName | None = None
    """fileName is the file at Google that holds the results, if they stay at Google in a file."""

    batch_name: BatchName | None = None
    """batchName is the batch that holds inline results, if they stay at Google."""

    uri: Annotated[str, bounded(2 * URI_LIMIT)] | None = None
    """uri is the object that holds the results."""

    config_map: Annotated[str, bounded(253, names.DNS_1123_SUBDOMAIN)] | None = None
    """configMap is the name of the ConfigMap that holds the results under results.jsonl."""

    bytes: Count | None = None
    """bytes is the size of the delivered results."""

    records: Count | None = None
    """records is the number of results, one per line."""

    sha256: Digest | None = None
    """sha256 is the SHA-256 of the delivered results, in hexadecimal; absent for results at
    Google."""

    @property
    def delivered(self) -> bool:
        """Whether the results are where the user wanted them, and not only at Google."""
        return self.config_map is not None or self.uri is not None


class LastEvent(Model):
    """The last signed event, as the receiver wrote it down."""

    id: Annotated[str, bounded(EVENT_ID_LIMIT)]
    """id is the event's own id; a redelivery has the same id."""

    type: Annotated[str, bounded(128)] | None = None
    """type is Google's name for the event, such as batch.succeeded."""

    attempt: Annotated[str, bounded(16, names.ATTEMPT_ID)]
    """attempt is the id of the attempt in the callback address."""

    remote_name: Annotated[str, bounded(256)] | None = None
    """remoteName is the batch that the event names, absent if it names none."""

    time: Time | None = None
    """time is when the event happened, as Google reports it."""


def _if_readable(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """A hint that cannot be read is none: it must not keep the job from being read."""
    try:
        return read(value)
    except ValidationError:
        return None


class Status(Model):
    """What the operator reports of a GeminiBatchJob."""

    # Text, not the enum: a later version's word must not make the object unreadable for this one.
    state: Annotated[str, bounded(64), Field(description=STATE)] | None = None

    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            max_length=16,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = ()
    """conditions are Submitted, Complete, Failed, Suspended, Reconciling and Stalled. At most one of
    Complete and Failed becomes True, and it stays True. Reconciling is True while the job goes on,
    Stalled while somebody has to act."""

    reason: Annotated[str, bounded(64)] | None = None
    """reason says in one word why the job is stalled, has ended or waits; absent while the batch
    runs. Programs should use conditions."""

    observed_generation: Annotated[int, Field(ge=-1)] | None = None
    """observedGeneration is the metadata.generation that the status describes, -1 before there is
    any."""

    attempt: Attempt | None = None
    """attempt is the current create request. It is recorded before it is sent, so that the operator
    never submits a second batch without looking for the first."""

    superseded_attempts: Annotated[
        tuple[SupersededAttempt, ...],
        Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """supersededAttempts are the job's earlier create requests. Those whose batch is not known are
    searched for until 72 hours after the job's end; for the others, batchName is the batch and
    reason says what happened to it."""

    batch_name: BatchName | None = None
    """batchName is Google's name for the current batch."""

    gemini_state: Annotated[str, bounded(64)] | None = None
    """geminiState is Google's own name for the batch's state, as of the last check."""

    requests: Requests | None = None
    """requests counts the batch's requests, as of the last check."""

    start_time: Time | None = None
    """startTime is when the first attempt began. It is cleared on suspend and set again on
    resume."""

    completion_time: Time | None = None
    """completionTime is when the job ended, successfully or not."""

    failures: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """failures counts batches that Google ended as failed or expired."""

    input_file: InputFile | None = None
    """inputFile is the file that the operator uploads for the job, absent if it needs none. The
    whole file is at Google once it has a sha256."""

    output: OutputStatus | None = None
    """output is where the results are, also if their delivery failed."""

    observed_event_id: Annotated[str | None, bounded(EVENT_ID_LIMIT)] = Field(
        default=None, alias="observedEventID"
    )
    """observedEventID is the id of the last event that the operator handled."""

    observed_request: Annotated[str, bounded(REQUEST_LIMIT)] | None = None
    """observedRequest is the last value of the annotation gemini-operator.io/requested-at that the
    operator handled."""

    last_event: Annotated[LastEvent | None, WrapValidator(_if_readable)] = None
    """lastEvent is the last signed callback. It is only a hint to read the batch."""

    def dump(self) -> dict[str, Any]:
        """Give the controller's part of the status as JSON: no defaults and never `lastEvent`."""
        return self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude={"last_event"}
        )
