"""What a person asks for: the spec of a GeminiBatchJob.

What the schema cannot say (the size of inline input, what a Secret holds) the controller checks.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from gemini_operator.api import names
from gemini_operator.api.group import RESERVED_PREFIX
from gemini_operator.api.model import Model, bounded
from gemini_operator.api.named import Named
from gemini_operator.api.references import ApiKeySecretRef
from gemini_operator.api.rules import immutable, rule, rules
from gemini_operator.api.v1alpha1.input import Input
from gemini_operator.api.v1alpha1.output import Output

SECONDS_LIMIT = 2**31 - 1
"""About 68 years."""

IMMUTABLE = (
    "model",
    "type",
    "input",
    "output",
    "apiKeySecretRef",
    "displayName",
    "userMetadata",
    "priority",
    "adopt",
)
"""Members of the spec that a job keeps as they were when it was created."""


class AdoptSource(Model):
    """A batch that exists at Google already."""

    batch_name: Annotated[
        str,
        bounded(136),
        Named(
            names.BATCH_NAME,
            "batchName must be batches/ and the batch's id, such as batches/abc123",
        ),
    ]
    """batchName is the batch to take over, such as batches/abc123. If several jobs name the same
    one, the oldest gets it and the others fail with reason AlreadyAdopted."""

    previous_uid: Annotated[
        Annotated[
            str,
            bounded(36),
            Named(names.UID, "previousUID must be the metadata.uid of an object, which is a UUID"),
        ]
        | None,
        Field(alias="previousUID"),
    ] = None
    """previousUID is the metadata.uid of the job that submitted the batch. It is required to take
    over a batch that an operator submitted for another object, and ignored otherwise."""


DisplayName = Annotated[
    str,
    bounded(128),
    Field(
        json_schema_extra=rules(
            rule(
                r"!self.matches('[\\p{Cc}\\[\\]]')",
                "displayName cannot hold control characters or square brackets",
            )
        )
    ),
]

UserMetadata = Annotated[
    dict[str, Annotated[str, Field(max_length=1024)]],
    Field(
        max_length=32,
        json_schema_extra=rules(
            rule(
                f"self.all(key, !key.startsWith('{RESERVED_PREFIX}'))",
                f"userMetadata cannot have keys that start with {RESERVED_PREFIX}: they are the "
                "operator's own",
            ),
            rule(
                "self.all(key, key.size() >= 1 && key.size() <= 128)",
                "userMetadata must have keys of 1 to 128 characters",
            ),
        ),
    ),
]

ACROSS_FIELDS = (
    rule(
        "has(self.input) || has(self.adopt)",
        "input is required: set one of inline, configMapKeyRef, fileName, object; only a "
        "job with adopt has none",
        at=".input",
        why="Required",
    ),
    rule(
        "!(has(self.input) && has(self.adopt))",
        "input must be absent with adopt: the batch has its input already",
        at=".input",
        why="Forbidden",
    ),
    rule(
        "!has(self.adopt) || !self.suspend",
        "suspend must be false with adopt: an adopted batch is not submitted again",
        at=".suspend",
        why="Forbidden",
    ),
    rule(
        "!has(self.adopt) || self.backoffLimit == 0",
        "backoffLimit must be 0 with adopt: an adopted batch is not submitted again",
        at=".backoffLimit",
        why="Forbidden",
    ),
    rule(
        "!has(self.adopt) || has(self.deletionPolicy)",
        "deletionPolicy is required with adopt: Delete deletes the batch at Google when "
        "the job is deleted, Orphan leaves it there",
        at=".deletionPolicy",
        why="Required",
    ),
    rule(
        "!has(self.ttlSecondsAfterFinished) || has(self.output) || "
        "(has(self.deletionPolicy) && self.deletionPolicy == 'Orphan')",
        "ttlSecondsAfterFinished would delete the only copy of the results: set output "
        "too, or set deletionPolicy to Orphan",
        at=".ttlSecondsAfterFinished",
    ),
    rule(
        "!has(oldSelf.shutdown) || has(self.shutdown)",
        "shutdown cannot be unset; delete the job and create a new one",
        at=".shutdown",
    ),
)
"""Rules that speak of more than one member of the spec."""


class Spec(Model):
    """What a GeminiBatchJob asks for."""

    model_config = ConfigDict(json_schema_extra=immutable(*IMMUTABLE, also=ACROSS_FIELDS))

    model: Annotated[
        str,
        bounded(140),
        Named(
            names.MODEL,
            "model must be the name of a Gemini model, such as gemini-2.5-flash, "
            "models/gemini-2.5-flash or tunedModels/my-model",
        ),
    ]
    """model is the Gemini model: gemini-2.5-flash, models/gemini-2.5-flash or tunedModels/….
    Immutable."""

    type: Literal["GenerateContent", "EmbedContent"] = "GenerateContent"
    """type is the batch method: GenerateContent, or EmbedContent for embeddings. Immutable."""

    input: Input | None = None
    """input is where the requests come from; set exactly one of its members. Required, unless adopt
    is set; then it must be absent. Immutable."""

    output: Output | None = None
    """output is where the results go; set exactly one of its members. When absent, the results stay
    at Google, which deletes them after some days; status.output names them. Immutable."""

    api_key_secret_ref: ApiKeySecretRef | None = None
    """apiKeySecretRef names the Secret with the Gemini API key, in the namespace of the job. When
    absent, the operator's default Secret is used, also in the namespace of the job: its name and
    key are gemini-api-key/api-key, unless the administrator chose others. Immutable; the content of
    the Secret may change."""

    display_name: DisplayName | None = None
    """displayName is shown in Google's list of batches, in front of the operator's own token. When
    absent, the operator chooses one. Immutable."""

    user_metadata: UserMetadata | None = None
    """userMetadata is sent to Google with the batch and comes back in its events. It never decides
    which job an event belongs to. Immutable."""

    priority: int = 0
    """priority is Gemini's batch priority: batches with a higher one run first; it may be negative. The
    administrator may limit it; a higher value is lowered to that limit. Immutable."""

    suspend: bool = False
    """suspend true keeps a job from being submitted. If its batch exists already, the batch is
    cancelled at Google; when suspend is false again, a new batch is submitted and billed. It has no
    effect on a finished job and must be false with adopt."""

    shutdown: Literal["Cancel"] | None = None
    """shutdown Cancel ends the job and keeps the object: the batch is cancelled at Google and the
    job becomes Failed with reason Cancelled, unless it succeeded first. It cannot be unset."""

    active_deadline_seconds: Annotated[int, Field(ge=1, le=SECONDS_LIMIT)] | None = None
    """activeDeadlineSeconds is how many seconds after status.startTime the batch is cancelled and
    the job becomes Failed with reason DeadlineExceeded. Time in the operator's queue and suspended
    time do not count. When absent, only Google's own deadline applies."""

    backoff_limit: Annotated[int, Field(ge=0, le=1000)] = 0
    """backoffLimit is how many new batches may be submitted, and billed, after batches that Google
    ended as failed or expired. It must be 0 with adopt."""

    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=SECONDS_LIMIT)] | None = None
    """ttlSecondsAfterFinished is how many seconds after its end the job is deleted: 0 means at
    once, absent means never. It needs an output or deletionPolicy Orphan, so that the results survive."""

    deletion_policy: Literal["Delete", "Orphan"] | None = None
    """deletionPolicy says what happens at Google when the job is deleted: with Delete the batch is
    cancelled and deleted, with Orphan it is left as it is. Absent means Delete, but a batch whose
    results could not be delivered is left as it is. Required with adopt."""

    adopt: AdoptSource | None = None
    """adopt takes over an existing batch instead of submitting one. With it, input must be absent,
    suspend false, backoffLimit 0 and deletionPolicy set. Immutable."""
