"""Why there are no keys to verify with."""


class JwksError(Exception):
    """One fetch gave no key set; the message says why in a few words."""


class KeysUnavailable(Exception):
    """No keys to decide with now; asking again makes sense after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("no verification keys are available yet")
        self.retry_after = retry_after
