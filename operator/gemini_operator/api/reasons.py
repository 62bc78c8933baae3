"""Every reason a condition or an Event may carry, with what it says to a person.

A message names what is wrong and what to do; the caller adds the particulars with `explain`.
"""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A CamelCase reason, as Kubernetes' API conventions ask for; `message` is its default text."""

    message: str

    def __new__(cls, value: str, message: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.message = message
        return member

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
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        (
            "Google answered that the quota of this API key and model is used up. The operator tries "
            "again by itself; wait for open batches to end, or raise the quota."
        ),
    )
    SUBMITTING = ("Submitting", "The batch is being created at Google.")
    SUBMITTED = ("Submitted", "Google accepted the batch.")
    ADOPTING = (
        "Adopting",
        "The batch named in spec.adopt is claimed; it is being checked that no other job has it.",
    )
    ADOPTED = ("Adopted", "The batch named in spec.adopt now belongs to this job.")
    SUSPENDING = (
        "Suspending",
        (
            "spec.suspend was set, so the batch is being cancelled at Google. When it has ended and "
            "spec.suspend is false a new one is submitted, and billed."
        ),
    )
    SUSPENDED = (
        "Suspended",
        "spec.suspend is true: no batch runs at Google. Set it to false to submit.",
    )
    RESUMED = ("Resumed", "spec.suspend is false again: the job may be submitted.")
    RETRYING = (
        "Retrying",
        (
            "Google ended the batch without results. After a pause a new one is submitted, and billed, "
            "as spec.backoffLimit allows."
        ),
    )
    CANCELLING = ("Cancelling", "The batch is being cancelled at Google, which may take a while.")

    # Ends
    SUCCEEDED = ("Succeeded", "Every request succeeded and the results are in their place.")
    COMPLETED_WITH_FAILURES = (
        "CompletedWithFailures",
        (
            "The batch ended and the results are in their place, but single requests failed: "
            "look for lines with an error member."
        ),
    )
    REMOTE_FAILED = (
        "RemoteFailed",
        (
            "Google ended the batch as failed. Correct what it names, then create the job anew; "
            "spec.backoffLimit allows new batches after such an end."
        ),
    )
    REMOTE_EXPIRED = (
        "RemoteExpired",
        (
            "Google did not finish the batch within its time limit. Create the job anew, perhaps with "
            "fewer requests; spec.backoffLimit allows new batches after such an end."
        ),
    )
    BACKOFF_LIMIT_EXCEEDED = (
        "BackoffLimitExceeded",
        (
            "The batch failed or expired more often than spec.backoffLimit allows to retry it. Correct "
            "the cause, then create the job anew."
        ),
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        (
            "The job ran longer than spec.activeDeadlineSeconds; nothing of it runs at Google any more. "
            "Create the job anew with a longer deadline."
        ),
    )
    CANCELLED = (
        "Cancelled",
        "The batch was cancelled, by spec.shutdown or at Google. Create the job anew to run it.",
    )
    INVALID_REQUEST = (
        "InvalidRequest",
        (
            "Google refused the batch and would refuse it again. Correct what it names and create the "
            "job anew."
        ),
    )
    INVALID_INPUT = (
        "InvalidInput",
        "The input cannot be used, so nothing was submitted. Correct it and create the job anew.",
    )
    REMOTE_NOT_FOUND = (
        "RemoteNotFound",
        (
            "The batch is gone at Google, deleted there by somebody. Create the job anew to run it "
            "again."
        ),
    )
    OUTPUT_TOO_LARGE = (
        "OutputTooLarge",
        (
            "The results do not fit into the output. They stay at Google, as status.output says: "
            "fetch them there. Create smaller jobs to have them delivered."
        ),
    )
    DELIVERY_FAILED = (
        "DeliveryFailed",
        (
            "The results could not be written to the output. They stay at Google, as status.output "
            "says."
        ),
    )
    ALREADY_ADOPTED = (
        "AlreadyAdopted",
        (
            "The batch named in spec.adopt belongs to another job. Delete this job, or name another "
            "batch."
        ),
    )
    ADOPTION_REFUSED = (
        "AdoptionRefused",
        (
            "The batch named in spec.adopt was submitted for another object. If that object is yours "
            "and gone, name its uid in spec.adopt.previousUID."
        ),
    )

    # A person has to look
    CREDENTIALS_MISSING = (
        "CredentialsMissing",
        (
            "The Secret or the key that holds the Gemini API key is missing or has no usable value. "
            "Create or correct it; the job goes on by itself."
        ),
    )
    INPUT_MISSING = (
        "InputMissing",
        "The input is not there: create the ConfigMap or key; the job goes on by itself.",
    )
    CREDENTIALS_REJECTED = (
        "CredentialsRejected",
        (
            "Google refused the Gemini API key. Put a valid key into the Secret; the job goes on by "
            "itself."
        ),
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
    )
    AMBIGUOUS_SUBMISSION = (
        "AmbiguousSubmission",
        (
            "It cannot be told whether Google created the batch, or which of several is this job's. "
            "Look at Google's list, then annotate the job with gemini-operator.io/resolve-submission: "
            "batches/<id> to take that batch, or Resubmit:<attempt id> to submit again."
        ),
    )
    REMOTE_STUCK = (
        "RemoteStuck",
        (
            "Google promises to end a batch within 48 hours, and has not ended this one. The operator "
            "keeps looking. To give it up set spec.shutdown to Cancel, or delete the job; then create "
            "it anew."
        ),
    )
    DELETION_BLOCKED = (
        "DeletionBlocked",
        (
            "The job is deleted but its batch is not yet, because Google does not answer as it should. "
            "The operator tries again by itself. To let the object go at once, and leave the batch to "
            'itself, annotate it with gemini-operator.io/force-delete: "true".'
        ),
    )
    NOT_SUPPORTED_YET = (
        "NotSupportedYet",
        (
            "The job uses a field that this version of the operator cannot honour yet, so nothing was "
            "submitted. Create the job without it."
        ),
    )
    INTERNAL = (
        "Internal",
        (
            "The operator met a situation it does not understand and stopped here. Its log says more; "
            "please report it."
        ),
    )

    SCHEMA_OUTDATED = (
        "SchemaOutdated",
        (
            "The API server drops part of what the operator writes, so nothing is sent to Google: the "
            "CRD in this cluster is older than this operator: kubectl apply --server-side -f crds/. "
            "The job then recovers automatically. If the CRD is current, an admission webhook changes "
            "what is written."
        ),
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
    BATCH_LEFT_BEHIND = (
        "BatchLeftBehind",
        "The job was deleted but its batch could not be. Cancel it at Google; it may be billed.",
    )
