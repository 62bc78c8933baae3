"""Ends the TLS connections of a loop that closes.

A TLS connection that its user has closed stays open for up to 30 s, until its peer says goodbye. A
loop that ends before leaves the socket to the garbage collector, which finds it during another test,
and that test fails. What nobody has closed is left as it is, so such a test still fails.
"""

import asyncio
from asyncio.selector_events import BaseSelectorEventLoop
from asyncio.sslproto import SSLProtocol

_close = BaseSelectorEventLoop.close


def end_at_close() -> None:
    """From now on no loop of this process waits for a goodbye, or leaves somebody waiting."""
    BaseSelectorEventLoop.close = _close_without_goodbyes  # type: ignore[method-assign,assignment]


def _close_without_goodbyes(loop: BaseSelectorEventLoop) -> None:
    if not loop.is_closed() and not loop.is_running():
        # asyncio has no public way to a loop's transports.
        transports = loop._transports.values()  # type: ignore[attr-defined]
        waiting = [each for each in transports if _waits_for_goodbye(each)]
        for each in waiting:
            each.abort()
        if waiting:
            # What an abort calls soon is called in the next turn of the loop.
            loop.run_until_complete(asyncio.sleep(0))
    _close(loop)


def _waits_for_goodbye(transport: asyncio.Transport) -> bool:
    protocol = transport.get_protocol()
    if not isinstance(protocol, SSLProtocol):
        return False
    return protocol._app_transport.is_closing()
