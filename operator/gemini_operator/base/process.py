"""What every process of ours does at its start, and how it is asked to stop."""

import asyncio
import resource
import signal


def disable_core_dumps() -> None:
    """Let this process and its children leave no core dump, which would hold every key in memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def stop_requested() -> asyncio.Event:
    """The event that SIGTERM and SIGINT set from now on.

    Call it once, in the running event loop.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
