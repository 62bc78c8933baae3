"""What is due when, and waiting for the first of it."""

import asyncio
import heapq

from gemini_emulator.timestamps import Clock


class Agenda:
    """Ids by the moment they are due; one loop takes and waits, anybody puts.

    An id that was put off or called off stays on the agenda under its old moment: whoever takes it
    asks the thing itself whether it is due.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, str]] = []
        self._news = asyncio.Event()

    def put(self, identity: str, due: float | None) -> None:
        """Remember a moment in seconds since 1970; None is never."""
        if due is not None:
            heapq.heappush(self._entries, (due, identity))
            self._news.set()

    def take(self) -> list[str]:
        """Take what is due by now off the agenda, earliest first, each once."""
        now, found = self._clock(), dict[str, None]()
        while self._entries and self._entries[0][0] <= now:
            found[heapq.heappop(self._entries)[1]] = None
        return list(found)

    async def wait(self) -> None:
        """Return when something is due or something new was put."""
        timeout = max(0.0, self._entries[0][0] - self._clock()) if self._entries else None
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return
        self._news.clear()
