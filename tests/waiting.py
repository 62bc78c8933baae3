"""Tests wait for a condition, in bounded loops, never for luck."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


def eventually(
    ask: Callable[[], T | None], *, timeout: float = 10, interval: float = 0.05, what: str = ""
) -> T:
    """The first truthy answer of `ask`, asked again after every falsy one and every AssertionError.

    Fail after `timeout` seconds, naming `what` was waited for and the last answer or error.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer, error = _try(ask)
        if answer and not error:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(_complaint(what, timeout, error or answer))
        time.sleep(interval)


@overload
async def eventually_async(
    ask: Callable[[], Awaitable[T | None]],
    *,
    timeout: float = ...,  # noqa: ASYNC109
    interval: float = ...,
    what: str = ...,
) -> T: ...
@overload
async def eventually_async(
    ask: Callable[[], T | None],
    *,
    timeout: float = ...,  # noqa: ASYNC109
    interval: float = ...,
    what: str = ...,
) -> T: ...
async def eventually_async(
    ask: Callable[[], Awaitable[T | None] | T | None],
    *,
    timeout: float = 10,  # noqa: ASYNC109 -- the loop ends by itself and tells what it saw last
    interval: float = 0.05,
    what: str = "",
) -> T:
    """`eventually` for a running event loop; `ask` may be a coroutine function or a plain one."""
    deadline = time.monotonic() + timeout
    while True:
        answer, error = await _try_async(ask)
        if answer and not error:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(_complaint(what, timeout, error or answer))
        await asyncio.sleep(interval)


def _try(ask: Callable[[], T | None]) -> tuple[T | None, AssertionError | None]:
    try:
        return ask(), None
    except AssertionError as error:
        return None, error


async def _try_async(
    ask: Callable[[], Awaitable[T | None] | T | None],
) -> tuple[T | None, AssertionError | None]:
    try:
        answer = ask()
        return (await answer if isinstance(answer, Awaitable) else answer), None
    except AssertionError as error:
        return None, error


def _complaint(what: str, timeout: float, last: object) -> str:
    return f"waited {timeout:g} s for {what or 'a condition'}; the last answer was {last!r}"
