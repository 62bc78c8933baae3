import asyncio
import socket
import threading
from typing import Any

import pytest

from gemini_operator.payload.objects.https_source import _resolve


async def test_s10_names_that_are_not_answered_keep_nobody_from_other_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tenant's name server may be silent, and lookups cannot be cancelled."""
    ends, real = threading.Event(), socket.getaddrinfo

    def look(host: str, *args: Any, **named: Any) -> Any:
        if host == "tenant.example.com":
            ends.wait(20)
        return real("127.0.0.1", *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    # As many as four copies leave behind in a minute, after ten seconds each.
    lookups = [asyncio.create_task(_resolve("tenant.example.com")) for _ in range(24)]
    try:
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            assert await _resolve("other.example.com") == ["127.0.0.1"]
            lookups += [asyncio.create_task(_resolve("tenant.example.com")) for _ in range(40)]
            await asyncio.sleep(0.05)
            assert await asyncio.get_running_loop().getaddrinfo("google.example.com", 443)
    finally:
        ends.set()
        await asyncio.gather(*lookups)
