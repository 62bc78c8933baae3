"""Waiting for the next thing that is due, or for news that something is due earlier."""

import asyncio

from gemini_operator.emulator.timestamps import Clock


class Alarm:
    """One loop waits, anybody rings."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._news = asyncio.Event()

    def ring(self) -> None:
        self._news.set()

    async def wait(self, due: float | None) -> None:
        """Return at `due` (seconds since 1970; None means never) or when somebody has rung."""
        timeout = None if due is None else max(0.0, due - self._clock())
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return
        self._news.clear()
