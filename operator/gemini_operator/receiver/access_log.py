"""Count and log each request, without its path, token, headers or body."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from gemini_operator.base import logs, metrics
from gemini_operator.receiver.budget import MAX_ENTRIES, TokenBuckets
from gemini_operator.receiver.responses import CallbackResponse
from gemini_operator.receiver.webhooks.webhook import Webhook

# Lines for refused deliveries: the burst and the rate of each address, then of all together.
PER_ADDRESS = 5
PER_ADDRESS_AND_MINUTE = 6
TOTAL = 60
TOTAL_PER_MINUTE = 60

_log = logs.get_logger(__name__)


@dataclass(slots=True)
class Entry:
    """What is known about a request. It has a webhook only if its address is one of ours."""

    webhook: Webhook | None = None
    scheme: str = "none"
    event_type: str | None = None


class RefusalLogLimiter:
    """Limits the log lines of refused deliveries, so that a flood of requests cannot flood the log.

    Each address has a limit. All addresses share another, as a tenant may know many addresses.

    Args:
        max_entries: addresses whose suppressed lines are counted; the oldest are forgotten.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        *,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._by_address = TokenBuckets(
            PER_ADDRESS, PER_ADDRESS_AND_MINUTE, max_entries=max_entries, clock=clock
        )
        self._all = TokenBuckets(TOTAL, TOTAL_PER_MINUTE, max_entries=1, clock=clock)
        self._max_entries = max_entries
        self._suppressed: OrderedDict[Hashable, int] = OrderedDict()

    def take(self, address: Hashable) -> int | None:
        """Ask for one line. Return how many lines of the address were suppressed since its last.

        None means that this line is suppressed too.
        """
        # In this order: an address without tokens of its own must not use up those of all.
        if self._by_address.take(address) == 0 and self._all.take(None) == 0:
            return self._suppressed.pop(address, 0)
        self._suppressed[address] = self._suppressed.pop(address, 0) + 1
        if len(self._suppressed) > self._max_entries:
            self._suppressed.popitem(last=False)
        return None


def record(
    entry: Entry,
    response: CallbackResponse,
    seconds: float,
    limiter: RefusalLogLimiter | None = None,
) -> None:
    """Count a request and log it, at debug without a webhook and at info with one.

    Args:
        entry: the request.
        response: what it was answered.
        seconds: how long that took.
        limiter: limits the lines of refused deliveries; each line says how many were suppressed.
    """
    metrics.RECEIVER_REQUESTS.labels(response.result.value, entry.scheme).inc()
    fields = {
        "result": response.result.value,
        "status": response.status,
        "duration_ms": round(seconds * 1000, 1),
    }
    # Anybody can send such requests, so they are not worth a line each at the usual level.
    if entry.webhook is None:
        # Asked first, as the making of a line that is dropped is a tenth of such a request.
        if logging.getLogger(__name__).isEnabledFor(logging.DEBUG):
            _log.debug("request refused", **fields)
        return
    if limiter is not None and response.status >= 300:
        suppressed = limiter.take(entry.webhook.key)
        if suppressed is None:
            return
        if suppressed:
            fields["suppressed_lines"] = suppressed
    _log.info(
        "delivery",
        **entry.webhook.log_fields,
        scheme=entry.scheme,
        event_type=entry.event_type,
        **fields,
    )
