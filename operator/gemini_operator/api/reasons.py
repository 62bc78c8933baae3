"""Every reason a condition or an Event may carry, with what it says to a person.

A message says what is wrong, then what to do; `explain` puts the particulars of a case in between.
"""

from gemini_operator.api.condition_types import ConditionType
from gemini_operator.api.words import Word


class Reason(Word):
    """A CamelCase reason, as Kubernetes' API conventions ask for.

    Args:
        message: what it says by default.
        conditions: the types of condition that carry it; none of them when only Events do.
    """

    message: str
    conditions: tuple[ConditionType, ...]

    def __init__(self, _value: str, *parts: str | ConditionType) -> None:
        self._sentences = tuple(part for part in parts if not isinstance(part, ConditionType))
        self.message = " ".join(self._sentences)
        self.conditions = tuple(part for part in parts if isinstance(part, ConditionType))

    def explain(self, detail: object = "") -> str:
        """Say what is wrong, the particulars of the case if there are any, and what to do."""
        what, *to_do = self._sentences
        return in_order(what, detail, *to_do)

    # Before and during the submission
    QUEUED = (
        "Queued",
        "Waiting for quota: this API key already has as many open batches as --max-open-batches-per-key allows.",
        "Nothing to do; the job is submitted when it is its turn.",
        ConditionType.SUBMITTED,
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        "Google throttles this API key, as a quota is used up.",
        "The operator retries automatically. If this lasts, run fewer jobs at a time, or raise the quota at Google.",
        ConditionType.SUBMITTED,
    )
    FILE_STORAGE_FULL = (
        "FileStorageFull",
        "Google has no room for the input: the files of the API key's project use up its quota.",
        "Delete jobs that have ended, which deletes their inputs at Google unless their deletionPolicy is Orphan, or other files; or put an API key of another project into the Secret. Every file expires after 48 hours. The job then continues by itself.",
        ConditionType.SUBMITTED,
    )
    WAITING_TO_UPLOAD = (
        "WaitingToUpload",
        "Waiting to copy the input to Google; a few inputs and results are copied at a time.",
        "There is nothing to do.",
        ConditionType.SUBMITTED,
    )
    UPLOADING = (
        "Uploading",
        "The input is being copied to Google and checked on the way.",
        ConditionType.SUBMITTED,
    )
    UPLOADED = (
        "Uploaded",
        "The input is at Google; the batch can be submitted.",
        ConditionType.SUBMITTED,
    )
    SUBMITTING = (
        "Submitting",
        "The batch is being created at Google.",
        ConditionType.SUBMITTED,
    )
    OUTCOME_UNKNOWN = (
        "OutcomeUnknown",
        "Google did not answer the create request as it should, so it is not known whether there is a batch.",
        "The operator searches Google's list before it submits again.",
        ConditionType.SUBMITTED,
    )
    SUBMITTED = (
        "Submitted",
        "Google accepted the batch.",
        ConditionType.SUBMITTED,
    )
    ADOPTING = (
        "Adopting",
        "The operator has claimed the batch named in spec.adopt and is checking that no other job has it.",
        ConditionType.SUBMITTED,
    )
    ADOPTED = (
        "Adopted",
        "The batch named in spec.adopt now belongs to this job.",
        ConditionType.SUBMITTED,
    )
    SUSPENDING = (
        "Suspending",
        "The job was suspended, so its batch is being cancelled at Google.",
        "Once the batch has ended and spec.suspend is false, a new batch is submitted and billed.",
        ConditionType.SUSPENDED,
    )
    SUSPENDED = (
        "Suspended",
        "spec.suspend is true, and no batch runs at Google.",
        "Set it to false to submit the job; each batch that is submitted is billed.",
        ConditionType.SUBMITTED,
        ConditionType.SUSPENDED,
    )
    RESUMED = (
        "Resumed",
        "spec.suspend is false again, so the job can be submitted.",
        ConditionType.SUBMITTED,
        ConditionType.SUSPENDED,
    )
    RETRYING = (
        "Retrying",
        "Google ended the batch without results.",
        "After a delay a new batch is submitted and billed, as spec.backoffLimit allows.",
        ConditionType.SUBMITTED,
    )
    CANCELLING = (
        "Cancelling",
        "The batch is being cancelled at Google, which may take a while.",
    )

    # The job has ended
    SUCCEEDED = (
        "Succeeded",
        "The batch succeeded and the results are available.",
        ConditionType.COMPLETE,
    )
    COMPLETED_WITH_FAILURES = (
        "CompletedWithFailures",
        "The batch ended and the results are available, but some requests failed or were blocked: their results say why.",
        ConditionType.COMPLETE,
    )
    RESULTS_MISMATCH = (
        "ResultsMismatch",
        "The batch ended and the results are available, but they do not match the requests.",
        ConditionType.COMPLETE,
    )
    ALL_REQUESTS_FAILED = (
        "AllRequestsFailed",
        "No request succeeded.",
        "The results are available: fix what their errors name, and create a new job (kubectl replace --force -f FILE). A ConfigMap with results is not overwritten: delete it first, or name another one.",
        ConditionType.FAILED,
    )
    OUTPUT_REFUSED = (
        "OutputRefused",
        "The results cannot be written to the output.",
        "Fix this; the job then continues by itself.",
        ConditionType.STALLED,
    )
    DELIVERING = (
        "Delivering",
        "The batch has ended, and its results are being copied to the output.",
        ConditionType.COMPLETE,
    )
    WAITING_FOR_RESULTS = (
        "WaitingForResults",
        "Google reports that the batch succeeded, but does not show its results yet.",
        "The operator retries; if Google still has none after an hour, the job fails.",
        ConditionType.COMPLETE,
    )
    REMOTE_FAILED = (
        "RemoteFailed",
        "Google ended the batch as failed.",
        "Fix what Google's message names, then create a new job (kubectl replace --force -f FILE). spec.backoffLimit allows automatic retries of such a batch.",
        ConditionType.FAILED,
    )
    REMOTE_EXPIRED = (
        "RemoteExpired",
        "Google did not finish the batch within its time limit.",
        "Create a new job (kubectl replace --force -f FILE), perhaps with fewer requests. spec.backoffLimit allows automatic retries of such a batch.",
        ConditionType.FAILED,
    )
    BACKOFF_LIMIT_EXCEEDED = (
        "BackoffLimitExceeded",
        "The batch failed or expired more often than spec.backoffLimit allows.",
        "Fix the cause, then create a new job (kubectl replace --force -f FILE).",
        ConditionType.FAILED,
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        "The job ran longer than spec.activeDeadlineSeconds, and nothing of it runs at Google any more.",
        "Create a new job (kubectl replace --force -f FILE) with a longer deadline.",
        ConditionType.FAILED,
    )
    CANCELLED = (
        "Cancelled",
        "The job was cancelled.",
        "Create a new job (kubectl replace --force -f FILE) to run it.",
        ConditionType.FAILED,
    )
    INVALID_REQUEST = (
        "InvalidRequest",
        "Google rejected the batch and would reject it again.",
        "Fix what Google's message names, then create a new job (kubectl replace --force -f FILE).",
        ConditionType.FAILED,
    )
    INVALID_INPUT = (
        "InvalidInput",
        "The input cannot be used, so nothing was submitted.",
        "Fix the input, then create a new job (kubectl replace --force -f FILE).",
        ConditionType.FAILED,
    )
    REMOTE_NOT_FOUND = (
        "RemoteNotFound",
        "The batch no longer exists at Google: it was deleted outside the operator.",
        "Create a new job (kubectl replace --force -f FILE) to run it again.",
        ConditionType.FAILED,
    )
    OUTPUT_TOO_LARGE = (
        "OutputTooLarge",
        "The results are too large for the output.",
        "The results stay at Google, where status.output says, even if this job is deleted: download them there.",
        "Or create a job with spec.output.object and a deletionPolicy, whose spec.adopt has this batch as batchName and this job's uid as previousUID.",
        ConditionType.FAILED,
    )
    DELIVERY_FAILED = (
        "DeliveryFailed",
        "The results could not be written to the output.",
        "The results stay at Google, where status.output says: download them there.",
        "Or create a job with another output and a deletionPolicy, whose spec.adopt has this batch as batchName and this job's uid as previousUID.",
        ConditionType.FAILED,
    )
    ALREADY_ADOPTED = (
        "AlreadyAdopted",
        "The batch named in spec.adopt belongs to another job.",
        "Delete this job, or create a new one that names another batch.",
        ConditionType.FAILED,
    )
    ADOPTION_REFUSED = (
        "AdoptionRefused",
        "The batch named in spec.adopt was submitted for another object.",
        "If that object was yours and has ended or is gone, create a new job (kubectl replace --force -f FILE) that names its uid in spec.adopt.previousUID.",
        ConditionType.FAILED,
    )

    # Somebody has to act
    CREDENTIALS_MISSING = (
        "CredentialsMissing",
        "There is no usable Gemini API key.",
        "Create or fix the Secret, or permit the operator to read it; the job recovers automatically.",
        ConditionType.STALLED,
    )
    REMOTE_UNAVAILABLE = (
        "RemoteUnavailable",
        "Google cannot be reached, or answers with errors.",
        "The operator retries automatically; a batch that runs at Google is not affected.",
        "Fix what the error names if it is on your side, such as a firewall.",
        ConditionType.SUBMITTED,
        ConditionType.STALLED,
    )
    INPUT_MISSING = (
        "InputMissing",
        "The input is missing or cannot be read.",
        "Fix this; the job then continues by itself.",
        ConditionType.STALLED,
    )
    INPUT_REFUSED = (
        "InputRefused",
        "The operator may not read the input.",
        "Fix this; the job then continues by itself.",
        ConditionType.STALLED,
    )
    CREDENTIALS_REJECTED = (
        "CredentialsRejected",
        "Google rejected the Gemini API key or its project.",
        "Fix what Google's message names, or put another key into the Secret; the job recovers automatically.",
        ConditionType.STALLED,
    )
    CREDENTIALS_CHANGED = (
        "CredentialsChanged",
        "The Secret no longer holds the API key that was used to submit the batch, so the operator may be unable to reach the batch, which may still be running.",
        "Restore the earlier key, or cancel the batch at Google.",
    )
    KEY_CHANGED = (
        "KeyChanged",
        "Google does not find the batch, but the Secret no longer holds the API key that was used to submit it.",
        "Put that key back into the Secret.",
        "If it is lost, delete the job, which leaves the batch at Google, or set spec.shutdown to Cancel. Nothing is submitted again.",
        ConditionType.STALLED,
    )
    AMBIGUOUS_SUBMISSION = (
        "AmbiguousSubmission",
        "The operator cannot tell whether Google created the batch, or which of several batches belongs to this job.",
        "Check Google's list of batches, then annotate the job with gemini-operator.io/resolve-submission: batches/<id> to use that batch, or Resubmit:<attempt id> to submit again.",
        ConditionType.STALLED,
    )
    REMOTE_STUCK = (
        "RemoteStuck",
        "Google should have ended this batch within 48 hours and has not.",
        "The operator keeps checking it.",
        "To give it up, set spec.shutdown to Cancel or delete the job; then create a new job (kubectl replace --force -f FILE).",
        ConditionType.STALLED,
    )
    DELETION_BLOCKED = (
        "DeletionBlocked",
        "The job is being deleted, but its batch could not be deleted at Google yet.",
        "The operator retries automatically.",
        'To remove the object now and leave the batch as it is, annotate the job with gemini-operator.io/force-delete: "true".',
        ConditionType.STALLED,
    )
    WRITE_REFUSED = (
        "WriteRefused",
        "The API server does not let the operator change this job, so nothing is sent to Google.",
        "Fix what it names, such as a policy or the operator's role; the job recovers automatically.",
        ConditionType.STALLED,
    )
    INTERNAL = (
        "Internal",
        "The operator met an unexpected problem and cannot continue with this job.",
        "The operator's log says more; please report it.",
        ConditionType.STALLED,
    )
    SCHEMA_OUTDATED = (
        "SchemaOutdated",
        "The API server drops fields that the operator writes, so nothing is sent to Google: the CRD in this cluster is older than this operator.",
        "Run kubectl apply --server-side --force-conflicts -f crds/; the job then recovers automatically.",
        "If the CRD is current, an admission webhook changes what the operator writes.",
        ConditionType.STALLED,
    )

    # Events only
    DUPLICATE_CANCELLED = (
        "DuplicateCancelled",
        "A second batch of this job was found at Google; the operator cancelled and deleted it.",
    )
    ORPHANED = (
        "Orphaned",
        "The job was deleted and its batch was left at Google, as spec.deletionPolicy asks.",
    )
    RESULTS_KEPT = (
        "ResultsKept",
        "The job was deleted and had not delivered its results, so its batch was left at Google.",
        "If no other job has delivered them, create one that adopts the batch (spec.adopt and spec.deletionPolicy), or delete the batch at Google.",
    )
    ENDED_BATCH_LEFT = (
        "EndedBatchLeft",
        "The job was deleted, but its batch was not; the batch had ended, so nothing more is billed.",
        "Its results stay at Google until Google deletes them. Delete the batch there if they must go now.",
    )
    BATCH_LEFT_BEHIND = (
        "BatchLeftBehind",
        "The job was deleted, but its batch was not: it may still run and be billed.",
        "Cancel it at Google.",
    )


def in_order(what: str, detail: object, *to_do: str) -> str:
    """Return a message: what is wrong, the particulars of the case if there are any, what to do."""
    return " ".join(filter(None, (what, _sentence(str(detail)), *to_do)))


def _sentence(detail: str) -> str:
    """Return the particulars of others as a sentence: with a capital, unless it is a name, and a dot."""
    text = detail.strip()
    first, _, _ = text.partition(" ")
    if first.isalpha():
        text = text[0].upper() + text[1:]
    ends = text.rstrip(".") + "." if text.endswith("..") and not text.endswith("...") else text
    return ends if not ends or ends.endswith((".", "!", "?")) else f"{ends}."
