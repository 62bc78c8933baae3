"""One event loop in a thread of its own: what runs in it needs no locks among itself."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

_SECONDS = 30.0


class Background:
    """Runs from `__enter__` to `__exit__`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._close_connections()
        self._loop.close()

    def _close_connections(self) -> None:
        """
        TLS connections above all: asyncio keeps one for 30 s, for the goodbye of its peer.

        asyncio has no public way to a loop's transports.
        """
        for transport in list(self._loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        # What an abort calls soon is called in the next turn of the loop.
        self._loop.run_until_complete(asyncio.sleep(0))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; called from another thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)

    def call(self, work: Callable[[], T]) -> T:
        """The result of a plain function, called between two steps of whatever runs there."""

        async def called() -> T:
            return work()

        return self.run(called())


async def _end_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
