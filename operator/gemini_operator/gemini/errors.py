"""The few kinds of failure that the rest of the operator tells apart.

Every message is one line for a person, already sanitised, and never contains an API key.
"""


class GeminiError(Exception):
    """A call to Google did not do what was asked.

    Attributes:
        status: Google's HTTP status, None where no answer came.
        retry_after: seconds that Google asks to wait, None where it said nothing.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Rejected(GeminiError):
    """The request itself is refused; the same request will be refused again."""


class CredentialsRejected(GeminiError):
    """The API key, or its project, may not do this; another key may."""


class PermissionDenied(CredentialsRejected):
    """The API key may not do what this request asks; nothing is said against the key itself."""


class FileMissing(GeminiError):
    """A create names a file that the API key cannot read, or not yet; nothing was created."""


class NotFound(GeminiError):
    """What the call names does not exist for this key."""


class Throttled(GeminiError):
    """Too many requests, or too much work enqueued; nothing was done."""


class Unavailable(GeminiError):
    """No usable answer to a call that can be repeated."""


class Ambiguous(GeminiError):
    """A create that may or may not have happened; only a search can tell."""


class NotSent(GeminiError):
    """A request whose first byte never went out; nothing was done.

    It was stopped, because this process may no longer act or a create's time had passed; or it is a
    create that got no connection.
    """


class TooLarge(GeminiError):
    """Google's answer is bigger than the limit of this read."""
