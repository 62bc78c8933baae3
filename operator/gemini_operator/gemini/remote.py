"""The interface of remote jobs, and the shapes of its answers.

Text in these shapes is sanitised, and every name has its grammar (`api.names`), so they may be
stored, shown and logged. The exception is `Observation.inline_results`, which is data.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, Protocol

from gemini_operator.gemini.tokens import Token


class Outcome(Enum):
    """What a remote state means for the job."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"
    """A state that this version does not know. It never counts as an end."""


ENDS: Final = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED, Outcome.EXPIRED})

# By Google's word without its prefix. A job that succeeded in part has results, so it succeeded.
_OUTCOMES: Final = {
    "PENDING": Outcome.PENDING,
    "QUEUED": Outcome.PENDING,
    "RUNNING": Outcome.RUNNING,
    "CANCELLING": Outcome.RUNNING,
    "SUCCEEDED": Outcome.SUCCEEDED,
    "PARTIALLY_SUCCEEDED": Outcome.SUCCEEDED,
    "FAILED": Outcome.FAILED,
    "CANCELLED": Outcome.CANCELLED,
    "EXPIRED": Outcome.EXPIRED,
}


def outcome_of(state: str) -> Outcome:
    """Return what Google's word for a state means for the job."""
    word = state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    return _OUTCOMES.get(word, Outcome.UNKNOWN)


@dataclass(frozen=True)
class Submission:
    """One create request.

    Raises:
        ValueError: not exactly one of `inline` and `file_name`.
    """

    model: str
    type: Literal["GenerateContent", "EmbedContent"]
    display_name: str
    """With the attempt token at its end (`tokens.display_name`)."""
    inline: list[dict[str, Any]] | None = field(default=None, repr=False)
    """Items `{"key": …, "request": {…}}`, with `metadata` or without; each is sent as it is."""
    file_name: str | None = None
    """`files/…` in the File API."""
    priority: int = 0
    callback_url: str | None = field(default=None, repr=False)
    """Where Google sends callbacks; `None` for no callbacks."""
    user_metadata: dict[str, str] = field(default_factory=dict)
    """Google returns it with every callback."""

    def __post_init__(self) -> None:
        if (self.inline is None) == (self.file_name is None):
            raise ValueError("a submission needs either inline requests or a file name")


@dataclass(frozen=True)
class Counts:
    """Google's counts of a batch's requests, each limited to 0 … 2⁶³-1."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    pending: int = 0


@dataclass(frozen=True)
class Summary:
    """A remote job without its results."""

    name: str
    display_name: str
    """For users; code compares `token`."""
    model: str
    """With its collection: `models/…`."""
    state: str
    """Google's word, at most 64 characters of `A-Z 0-9 _`."""
    created: datetime | None
    requests: Counts
    error: str | None
    """Why it failed, in Google's words, at most 1 KiB."""
    token: Token | None = None
    """The attempt token at the end of the display name exactly as Google sent it."""

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.state)

    @property
    def terminal(self) -> bool:
        return self.outcome in ENDS


MOST_RESULTS = 100_000
"""Results of a batch that are kept in memory. What is read of one may take a KiB, even of a `null`."""


@dataclass(frozen=True)
class Observation:
    """One read of a remote job."""

    summary: Summary
    results_file: str | None = None
    """`files/…` if the results are in a file."""
    inline_results: list[dict[str, Any]] | None = field(default=None, repr=False)
    """Raw items in input order: `{"metadata": {…}, "response": {…} | "error": {…}}`."""
    has_stream: bool = False
    """The inline results are too large for memory, and were left out: `RemoteJob.results`."""
    too_large: bool = False
    """The results exceed the limit and were not read. If False, no results means there are none."""

    @property
    def has_results(self) -> bool:
        """Whether Google shows results, few or all."""
        kept = self.results_file is not None or bool(self.inline_results)
        return kept or self.has_stream or self.too_large


@dataclass(frozen=True)
class Listing:
    """The result of one list."""

    batches: tuple[Summary, ...]
    complete: bool
    """False if a batch may be missing; then the list does not prove that one does not exist."""


class CannotTell(Enum):
    """The result of a search in a kind of job that has no list."""

    CANNOT_TELL = "cannot tell"


CANNOT_TELL: Final = CannotTell.CANNOT_TELL


class RemoteJob(Protocol):
    """A kind of long-running job at Google, for one API key.

    Every method raises `errors.GeminiError`s only. The cancellation of a task passes through; the
    create of a cancelled task may have been done.
    """

    async def submit(
        self, submission: Submission, *, may_send: Callable[[], bool] | None = None
    ) -> Summary:
        """Create the job, with at most one request.

        Args:
            submission: what to create.
            may_send: called once the connection is open, before the first byte; False stops the
                create (P8).

        Raises:
            NotSent: `may_send` returned False, or there was no connection; nothing was created.
            Rejected: Google refuses the content; nothing was created.
            FileMissing: the API key cannot read the input file; nothing was created.
            CredentialsRejected: Google refuses the API key; nothing was created.
            PermissionDenied: the API key may not do what is asked; nothing was created.
            Throttled: Google refuses for now; nothing was created.
            Ambiguous: after anything else the outcome is unknown (P10).
        """
        ...

    async def search(self) -> Listing | CannotTell:
        """List all jobs that the key can see.

        Raises:
            CredentialsRejected, Throttled, Unavailable, Rejected: there is no list for now.
        """
        ...

    async def observe(self, name: str) -> Observation:
        """Read one job, with its inline results if it has any.

        Raises:
            NotFound: there is no such job for this key.
            TooLarge: the inline results exceed `GeminiSettings.results_limit`.
            CredentialsRejected, Throttled, Unavailable, Rejected: Google did not answer with it.
        """
        ...

    def results(self, name: str) -> AsyncGenerator[list[bytes], None]:
        """Yield the inline results of a job, some at a time, each as JSON as Google sent it.

        Close the iterator (`aclosing`).

        Raises:
            NotFound: there is no such job for this key.
            TooLarge: the answer exceeds `GeminiSettings.results_limit`.
            CredentialsRejected, Throttled, Unavailable, Rejected: the results could not be read, or
                not to their end.
        """
        ...

    async def cancel(self, name: str) -> None:
        """Ask Google to stop the job; it may still succeed.

        Raises:
            NotFound: there is no such job for this key.
            Rejected: Google does not cancel it, for example because it has ended.
            NotSent: this process may no longer act.
            CredentialsRejected, Throttled, Unavailable: it may not have been cancelled.
        """
        ...

    async def delete(self, name: str) -> None:
        """Delete the job and its inline results.

        Raises:
            NotFound: there is no such job for this key.
            NotSent: this process may no longer act.
            CredentialsRejected, Throttled, Unavailable, Rejected: it may not have been deleted.
        """
        ...
