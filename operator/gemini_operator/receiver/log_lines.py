"""How many log lines refused requests may cause: a flood of them must not become one of lines."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from gemini_operator.receiver.budget import MAX_ENTRIES, TokenBuckets

PER_ADDRESS = 5
PER_ADDRESS_AND_MINUTE = 6
TOTAL = 60
TOTAL_PER_MINUTE = 60


class RefusalLines:
    """A budget for each address, and one for all of them, as a tenant may know many addresses.

    Args:
        max_entries: addresses whose suppressed lines are counted; the oldest are forgotten.
        clock: seconds that only go forward.
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
        """The number of lines suppressed since the address's last one, None to suppress this too."""
        if self._by_address.take(address) == 0 and self._all.take(None) == 0:
            return self._suppressed.pop(address, 0)
        self._suppressed[address] = self._suppressed.pop(address, 0) + 1
        if len(self._suppressed) > self._max_entries:
            self._suppressed.popitem(last=False)
        return None
