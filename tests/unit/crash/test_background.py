"""What runs on a loop of its own leaves nothing behind when the loop ends."""

import asyncio
import gc
import socket

from tests.crash.background import Background


def test_a_connection_that_nobody_closed_is_closed_at_the_end() -> None:
    """Else its socket is found at a garbage collection in somebody else's test, which fails."""

    async def connect(address: tuple[str, int]) -> None:
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, *address)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        with Background() as background:
            background.run(connect(listener.getsockname()))
        accepted, _ = listener.accept()
        accepted.settimeout(10)
        with accepted:
            assert accepted.recv(1) == b""
    gc.collect()


def test_a_task_that_closes_its_connection_when_it_is_cancelled_may_do_so() -> None:
    started = asyncio.Event()

    async def hold(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            writer.close()

    async def start(port: int) -> None:
        holders.append(asyncio.create_task(hold(port)))
        await started.wait()

    holders: list[asyncio.Task[None]] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with Background() as background:
            background.run(start(listener.getsockname()[1]))
        assert holders.pop().cancelled()
    gc.collect()
