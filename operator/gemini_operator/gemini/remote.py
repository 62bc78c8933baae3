"""What the lifecycle may ask of any kind of remote job, and the shapes of the answers.

Text in these shapes is sanitised and every name has its grammar (`api.names`), so they may be
stored, shown and logged. The one exception is `Observation.inline_results`, which are data.
"""

from collections.abc import Callable
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
    """A word that this version does not know: never an end."""


ENDS: Final = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED, Outcome.EXPIRED})

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
    """What Google's word for a state means."""
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
    """Items `{"key": …, "request": {…}}`; each request is sent as it is."""
    file_name: str | None = None
    """`files/…` in the File API."""
    priority: int = 0
    callback_url: str | None = field(default=None, repr=False)
    """Where Google shall call; None asks for no callback."""
    user_metadata: dict[str, str] = field(default_factory=dict)
    """Sent back by Google with every callback."""

    def __post_init__(self) -> None:
        if (self.inline is None) == (self.file_name is None):
            raise ValueError("a submission needs either inline requests or a file name")


@dataclass(frozen=True)
class Counts:
    """A batch's requests as Google counts them, each clamped to 0 … 2⁶³-1."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    pending: int = 0


@dataclass(frozen=True)
class Summary:
    """A remote job without its results."""

    name: str
    display_name: str
    """For people; `token` is what is compared."""
    model: str
    """With its collection: `models/…`."""
    state: str
    """Google's word, at most 64 of `A-Z 0-9 _`."""
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


@dataclass(frozen=True)
class Observation:
    """One read of a remote job."""

    summary: Summary
    results_file: str | None = None
    """`files/…` where the results are in a file."""
    inline_results: list[dict[str, Any]] | None = field(default=None, repr=False)
    """Raw items in input order: `{"metadata": {…}, "response": {…} | "error": {…}}`."""
    too_large: bool = False
    """The results were not read, as they exceed the limit; otherwise none means that there are none."""


@dataclass(frozen=True)
class Listing:
    """What one search saw."""

    batches: tuple[Summary, ...]
    complete: bool
    """False where something may be missing; then absence proves nothing."""


class CannotTell(Enum):
    """The answer of a kind of job that has no list."""

    CANNOT_TELL = "cannot tell"


CANNOT_TELL: Final = CannotTell.CANNOT_TELL


class RemoteJob(Protocol):
    """A kind of long job at Google, for one API key.

    Every method raises `errors.GeminiError`s only. Cancelling the calling task is never swallowed;
    a create whose task is cancelled may have happened.
    """

    async def submit(
        self, submission: Submission, *, may_send: Callable[[], bool] | None = None
    ) -> Summary:
        """Create the job, sending exactly one request or none.

        Args:
            submission: what to create.
            may_send: asked once more when the connection stands, before the first byte goes out;
                False stops the create (protocol P8).

        Raises:
            NotSent: `may_send` said no, or no connection stood; nothing was created.
            Rejected: refused for its content; nothing was created.
            CredentialsRejected: refused for its key; nothing was created.
            Throttled: refused for now; nothing was created.
            Ambiguous: anything else (protocol P10).
        """
        ...

    async def search(self) -> Listing | CannotTell:
        """List every job that the key can see.

        Raises:
            CredentialsRejected, Throttled, Unavailable, Rejected: no list was had.
        """
        ...

    async def observe(self, name: str) -> Observation:
        """Read one job, with its results where they are inline.

        Raises:
            NotFound: there is no such job for this key.
            TooLarge: the inline results exceed `GeminiSettings.results_limit`.
            CredentialsRejected, Throttled, Unavailable, Rejected: no answer was had.
        """
        ...

    async def cancel(self, name: str) -> None:
        """Ask Google to stop the job; it may still succeed.

        Raises:
            NotFound: there is no such job for this key.
            Rejected: Google does not cancel it, for instance because it has ended.
            NotSent: this process may no longer act.
            CredentialsRejected, Throttled, Unavailable: no answer was had.
        """
        ...

    async def delete(self, name: str) -> None:
        """Remove the job and its inline results.

        Raises:
            NotFound: there is no such job for this key.
            NotSent: this process may no longer act.
            CredentialsRejected, Throttled, Unavailable, Rejected: it was not removed.
        """
        ...
