"""The kinds of failures of calls to Google that the operator distinguishes.

Every message is one line for the user, sanitised, and without API keys.
"""


class GeminiError(Exception):
    """A call to Google failed.

    Attributes:
        status: Google's HTTP status; `None` without an answer.
        retry_after: seconds that Google asked to wait; `None` if it did not.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Rejected(GeminiError):
    """Google refuses the request itself, and would refuse it again."""


class CredentialsRejected(GeminiError):
    """Google refuses the API key or its project; another key may be accepted."""


class PermissionDenied(CredentialsRejected):
    """The API key may not do what this request asks; its other requests are not refused."""


class FileMissing(GeminiError):
    """A create names a file that the API key cannot read yet, or at all; nothing was created."""


class NotFound(GeminiError):
    """The named resource does not exist for this API key."""


class Throttled(GeminiError):
    """429: too many requests, or too much work enqueued; nothing was done."""


class StorageFull(Throttled):
    """429: the files of the API key's project use up its quota; the file was not stored.

    `retry_after` is left out: there is room again once a file is deleted, and what Google asks for is
    to wait for ever.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        del retry_after
        super().__init__(message, status=status)


class Unavailable(GeminiError):
    """No usable answer to a call that can be repeated."""


class NameTaken(Unavailable):
    """409: the name is in use, or Google has not forgotten it yet."""


class Ambiguous(GeminiError):
    """A create has an unknown outcome; only a search can settle it."""


class NotSent(GeminiError):
    """Not a byte of the request was sent, so nothing was done.

    Either it was stopped, because this process may no longer act or the create was too late. Or it
    is a create that got no connection.
    """


class TooLarge(GeminiError):
    """Google's answer exceeds the limit of this read."""
