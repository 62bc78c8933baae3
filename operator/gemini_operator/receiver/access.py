"""A count and a log line for each request: never its path, token, headers or body."""

from dataclasses import dataclass

from gemini_operator.callbacks.address import Target
from gemini_operator.receiver.answers import Answer
from gemini_operator.receiver.log_lines import RefusalLines
from gemini_operator.telemetry import logs, metrics

_log = logs.get_logger(__name__)


@dataclass(slots=True)
class Entry:
    """What is known of a request so far; the target only once its token was checked."""

    target: Target | None = None
    scheme: str = "none"
    event_type: str | None = None


def record(entry: Entry, answer: Answer, seconds: float, lines: RefusalLines | None = None) -> None:
    """Count the request and log it: strangers at debug, deliveries at info.

    `lines` limits the lines of refused deliveries; the next one says how many were left out.
    """
    metrics.RECEIVER_REQUESTS.labels(answer.result.value, entry.scheme).inc()
    fields = {
        "result": answer.result.value,
        "status": answer.status,
        "duration_ms": round(seconds * 1000, 1),
    }
    if entry.target is None:
        _log.debug("request refused", **fields)
        return
    if lines is not None and answer.status >= 300:
        suppressed = lines.take((entry.target.uid, entry.target.attempt))
        if suppressed is None:
            return
        if suppressed:
            fields["suppressed_lines"] = suppressed
    _log.info(
        "delivery",
        namespace=entry.target.namespace,
        name=entry.target.name,
        attempt=entry.target.attempt,
        scheme=entry.scheme,
        event_type=entry.event_type,
        **fields,
    )
