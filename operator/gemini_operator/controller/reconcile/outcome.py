"""How a reconcile ended, as the metric of reconciles counts it."""

from enum import StrEnum


class Outcome(StrEnum):
    """A label value; those that `Workers` adds are `unavailable` and `error`."""

    OK = "ok"
    BUSY = "busy"
    """Other jobs of the API key or the namespace are calling Google, or another large job is written."""
    DELAYED = "delayed"
    """The read budget is used up, or a write was not kept a moment ago."""
    RETRY = "retry"
    """The job waits for its back-off: something that it needs is missing or refused."""
    CREDENTIALS = "credentials"
    """There is no usable API key."""
    SCHEMA_OUTDATED = "schema_outdated"
    """The CRD is older than the operator."""
    STALE = "stale"
    """The object has changed meanwhile, so the next reconcile decides anew."""
