"""What a signature turned out to be."""

from enum import StrEnum


class Verdict(StrEnum):
    """The better verdict of several tokens is the one that sorts first here."""

    VALID = "valid"
    MISMATCH = "mismatch"
    """Well-formed, but made by none of the keys at hand; newer keys may change that."""
    UNACCEPTED = "unaccepted"
    """Malformed, or of a kind that this route does not accept; no key can change that."""
