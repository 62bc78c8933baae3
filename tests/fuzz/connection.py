"""One connection to the public port, in memory: bytes in, bytes out, no socket and no waiting."""

import asyncio
from typing import Any

from gemini_operator.receiver.server import CallbackConnection

PEER = ("192.0.2.1", 40000)
MAX_TURNS = 10_000


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when it is told so, and then at once."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    async def until_idle(self) -> None:
        """Return when everything waits for more bytes or for a time."""
        ready = self._ready  # type: ignore[attr-defined]
        for _ in range(MAX_TURNS):
            await asyncio.sleep(0)
            if not ready:
                return
        raise AssertionError("the event loop is never idle")

    async def until_timers_are_over(self) -> None:
        """Let time pass until nothing waits for a time."""
        timers = self._scheduled  # type: ignore[attr-defined]
        for _ in range(MAX_TURNS):
            await self.until_idle()
            times = [timer.when() for timer in timers if not timer.cancelled()]
            if not times:
                return
            self._now = max(self._now, min(times))
        raise AssertionError("there is always another timer")


class Wire(asyncio.Transport):
    """The transport of a connection; it keeps what the server writes."""

    def __init__(self, protocol: CallbackConnection) -> None:
        super().__init__({"peername": PEER})
        self.sent = bytearray()
        self._protocol = protocol
        self._closing = False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        """There is nothing to pause: bytes come in the pieces of the input."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""

    def get_write_buffer_size(self) -> int:
        return 0


async def exchange(loop: Loop, protocol: CallbackConnection, acts: list[bytes | None]) -> bytes:
    """Return what the server sends to a client that sends these bytes and hangs up.

    Args:
        loop: the loop that this runs in.
        protocol: the server's side of a new connection.
        acts: bytes that arrive at once; None is a long silence.
    """
    wire = Wire(protocol)
    protocol.connection_made(wire)
    for act in acts:
        if wire.is_closing():
            break
        if act is None:
            await loop.until_timers_are_over()
        else:
            protocol.data_received(act)
            await loop.until_idle()
    if not wire.is_closing():
        protocol.eof_received()
        wire.close()
    await loop.until_timers_are_over()
    assert asyncio.all_tasks() == {asyncio.current_task()}, "a request never ends"
    return bytes(wire.sent)
