"""Every reason a condition or an Event may carry, with what it says to a person.

A message names what is wrong and what to do; the caller adds the particulars with `explain`.
"""

from gemini_operator.api.condition_types import ConditionType
from gemini_operator.api.words import Word


class Reason(Word):
    """
    A CamelCase reason, as Kubernetes' API conventions ask for.

    Args:
        message: what it says by default.
        conditions: the types of condition that carry it; none of them when only Events do.
    """

    message: str
    conditions: tuple[ConditionType, ...]

    def __init__(self, _value: str, message: str, *conditions: ConditionType) -> None:
        self.message = message
        self.conditions = conditions

    def explain(self, detail: object = "") -> str:
        """Give the default message, followed by the particulars of the case if there are any."""
        return f"{self.message} {detail}".rstrip()

    # On the way to Google
    QUEUED = (
        "Queued",
        (
            "Waiting for a free place: as many batches as allowed are open for this API key. "
            "Nothing to do; the job is submitted in its turn."
        ),
        ConditionType.SUBMITTED,
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        (
            "Google answered that the quota of this API key and model is used up. The operator tries "
            "again by itself; wait for open batches to end, or raise the quota."
        ),
        ConditionType.SUBMITTED,
    )
    SUBMITTING = ("Submitting", "The batch is being created at Google.", ConditionType.SUBMITTED)
    SUBMITTED = ("Submitted", "Google accepted the batch.", ConditionType.SUBMITTED)
    ADOPTING = (
        "Adopting",
        "The batch named in spec.adopt is claimed; it is being checked that no other job has it.",
        ConditionType.SUBMITTED,
    )
    ADOPTED = (
        "Adopted",
        "The batch named in spec.adopt now belongs to this job.",
        ConditionType.SUBMITTED,
    )
    SUSPENDING = (
        "Suspending",
        (
            "spec.suspend was set, so the batch is being cancelled at Google. When it has ended and "
            "spec.suspend is false a new one is submitted, and billed."
        ),
        ConditionType.SUSPENDED,
    )
    SUSPENDED = (
        "Suspended",
        "spec.suspend is true: no batch runs at Google. Set it to false to submit.",
        ConditionType.SUBMITTED,
        ConditionType.SUSPENDED,
    )
    RESUMED = (
        "Resumed",
        "spec.suspend is false again: the job may be submitted.",
        ConditionType.SUBMITTED,
        ConditionType.SUSPENDED,
    )
    RETRYING = (
        "Retrying",
        (
            "Google ended the batch without results. After a pause a new one is submitted, and billed, "
            "as spec.backoffLimit allows."
        ),
        ConditionType.SUBMITTED,
    )
    CANCELLING = ("Cancelling", "The batch is being cancelled at Google, which may take a while.")

    # Ends
    SUCCEEDED = (
        "Succeeded",
        "Every request succeeded and the results are in their place.",
        ConditionType.COMPLETE,
    )
    COMPLETED_WITH_FAILURES = (
        "CompletedWithFailures",
        (
            "The batch ended and the results are in their place, but single requests failed: "
            "look for lines with an error member."
        ),
        ConditionType.COMPLETE,
    )
    RESULTS_MISMATCH = (
        "ResultsMismatch",
        (
            "The batch ended and the results are in their place, but they do not match the requests: "
            "a line whose error has a reason like RESULT_MISSING stands for what Google did not send."
        ),
        ConditionType.COMPLETE,
    )
    ALL_REQUESTS_FAILED = (
        "AllRequestsFailed",
        (
            "No request succeeded. The results are in their place: correct what their errors name, "
            "then create a new job."
        ),
        ConditionType.FAILED,
    )
    OUTPUT_REFUSED = (
        "OutputRefused",
        (
            "The cluster refuses the ConfigMap for the results. Change what refuses it, such as a "
            "policy or a quota; the job recovers automatically."
        ),
        ConditionType.STALLED,
    )
    WAITING_FOR_RESULTS = (
        "WaitingForResults",
        (
            "Google says that the batch succeeded and does not show its results yet. The operator "
            "looks again for an hour."
        ),
        ConditionType.COMPLETE,
    )
    REMOTE_FAILED = (
        "RemoteFailed",
        (
            "Google ended the batch as failed. Correct what it names, then create the job anew; "
            "spec.backoffLimit allows new batches after such an end."
        ),
        ConditionType.FAILED,
    )
    REMOTE_EXPIRED = (
        "RemoteExpired",
        (
            "Google did not finish the batch within its time limit. Create the job anew, perhaps with "
            "fewer requests; spec.backoffLimit allows new batches after such an end."
        ),
        ConditionType.FAILED,
    )
    BACKOFF_LIMIT_EXCEEDED = (
        "BackoffLimitExceeded",
        (
            "The batch failed or expired more often than spec.backoffLimit allows to retry it. Correct "
            "the cause, then create the job anew."
        ),
        ConditionType.FAILED,
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        (
            "The job ran longer than spec.activeDeadlineSeconds; nothing of it runs at Google any more. "
            "Create the job anew with a longer deadline."
        ),
        ConditionType.FAILED,
    )
    CANCELLED = (
        "Cancelled",
        "The batch was cancelled, by spec.shutdown or at Google. Create the job anew to run it.",
        ConditionType.FAILED,
    )
    INVALID_REQUEST = (
        "InvalidRequest",
        (
            "Google refused the batch and would refuse it again. Correct what it names and create the "
            "job anew."
        ),
        ConditionType.FAILED,
    )
    INVALID_INPUT = (
        "InvalidInput",
        "The input cannot be used, so nothing was submitted. Correct it and create the job anew.",
        ConditionType.FAILED,
    )
    REMOTE_NOT_FOUND = (
        "RemoteNotFound",
        (
            "The batch is gone at Google, deleted there by somebody. Create the job anew to run it "
            "again."
        ),
        ConditionType.FAILED,
    )
    OUTPUT_TOO_LARGE = (
        "OutputTooLarge",
        (
            "The results do not fit into the output. They stay at Google, as status.output says, also "
            "when this job is deleted: fetch them there."
        ),
        ConditionType.FAILED,
    )
    DELIVERY_FAILED = (
        "DeliveryFailed",
        (
            "The results could not be written to the output. They stay at Google, as status.output "
            "says: fetch them there, or create a job with another output and spec.adopt, with the "
            "batch as batchName and this job's uid as previousUID."
        ),
        ConditionType.FAILED,
    )
    ALREADY_ADOPTED = (
        "AlreadyAdopted",
        (
            "The batch named in spec.adopt belongs to another job. Delete this job, or name another "
            "batch."
        ),
        ConditionType.FAILED,
    )
    ADOPTION_REFUSED = (
        "AdoptionRefused",
        (
            "The batch named in spec.adopt was submitted for another object. If that object is yours "
            "and gone, name its uid in spec.adopt.previousUID."
        ),
        ConditionType.FAILED,
    )

    # A person has to look
    CREDENTIALS_MISSING = (
        "CredentialsMissing",
        (
            "The Secret or the key that holds the Gemini API key is missing or has no usable value. "
            "Create or correct it; the job goes on by itself."
        ),
        ConditionType.STALLED,
    )
    INPUT_MISSING = (
        "InputMissing",
        "The input is not there: create the ConfigMap or key; the job goes on by itself.",
        ConditionType.STALLED,
    )
    CREDENTIALS_REJECTED = (
        "CredentialsRejected",
        (
            "Google refused the Gemini API key. Put a valid key into the Secret; the job goes on by "
            "itself."
        ),
        ConditionType.STALLED,
    )
    CREDENTIALS_CHANGED = (
        "CredentialsChanged",
        (
            "The Secret now holds another API key than the one the batch was submitted with, so the "
            "batch may be out of reach and still running. Restore the key, or cancel the batch at "
            "Google."
        ),
    )
    KEY_CHANGED = (
        "KeyChanged",
        (
            "The batch is not found, but the Secret now holds another API key than the one it was "
            "submitted with. Restore that key; nothing is submitted again."
        ),
        ConditionType.STALLED,
    )
    AMBIGUOUS_SUBMISSION = (
        "AmbiguousSubmission",
        (
            "It cannot be told whether Google created the batch, or which of several is this job's. "
            "Look at Google's list, then annotate the job with gemini-operator.io/resolve-submission: "
            "batches/<id> to take that batch, or Resubmit:<attempt id> to submit again."
        ),
        ConditionType.STALLED,
    )
    REMOTE_STUCK = (
        "RemoteStuck",
        (
            "Google promises to end a batch within 48 hours, and has not ended this one. The operator "
            "keeps looking. To give it up set spec.shutdown to Cancel, or delete the job; then create "
            "it anew."
        ),
        ConditionType.STALLED,
    )
    DELETION_BLOCKED = (
        "DeletionBlocked",
        (
            "The job is deleted but its batch is not yet, because Google does not answer as it should. "
            "The operator tries again by itself. To let the object go at once, and leave the batch to "
            'itself, annotate it with gemini-operator.io/force-delete: "true".'
        ),
        ConditionType.STALLED,
    )
    NOT_SUPPORTED_YET = (
        "NotSupportedYet",
        (
            "The job uses a field that this version of the operator cannot honour yet, so nothing was "
            "submitted. Create the job without it."
        ),
        ConditionType.STALLED,
    )
    INTERNAL = (
        "Internal",
        (
            "The operator met a situation it does not understand and stopped here. Its log says more; "
            "please report it."
        ),
        ConditionType.STALLED,
    )

    SCHEMA_OUTDATED = (
        "SchemaOutdated",
        (
            "The API server drops part of what the operator writes, so nothing is sent to Google: the "
            "CRD in this cluster is older than this operator: kubectl apply --server-side -f crds/. "
            "The job then recovers automatically. If the CRD is current, an admission webhook changes "
            "what is written."
        ),
        ConditionType.STALLED,
    )

    # Only in Events
    DUPLICATE_CANCELLED = (
        "DuplicateCancelled",
        "A second batch of this job surfaced at Google; it was cancelled and deleted.",
    )
    ORPHANED = (
        "Orphaned",
        "The job was deleted and its batch left at Google, as spec.deletionPolicy asks.",
    )
    RESULTS_KEPT = (
        "ResultsKept",
        (
            "The job was deleted before its results were delivered, so its batch stays at Google. "
            "Adopt it with a new job (spec.adopt with previousUID), or delete it there."
        ),
    )
    BATCH_LEFT_BEHIND = (
        "BatchLeftBehind",
        "The job was deleted but its batch could not be. Cancel it at Google; it may be billed.",
    )
