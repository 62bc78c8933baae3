"""Reads of batches: their turn, the call limit, and what Google's 429 does (rules S10, P18)."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from gemini_operator.controller.remote.access import RemoteAccess
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.controller.remote.call_limit import Busy, CallLimit
from gemini_operator.controller.remote.read_budget import Delayed, ReadBudget
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.gemini import errors
from tests.unit.controller.builders import a_job
from tests.unit.controller.clocks import ManualClock

ONE, TWO, THREE = (a_job(name=name) for name in ("one", "two", "three"))


class Google:
    """Answers reads as it is told."""

    error: errors.GeminiError | None = None

    async def observe(self, name: str) -> str:
        if self.error is not None:
            raise self.error
        return name


class Parts:
    """Access with one API key, two reads per second and one call at a time."""

    def __init__(self) -> None:
        self.clock, self.google = ManualClock(), Google()
        queue = KeyedQueue(self.clock)
        client = SimpleNamespace(batches=self.google)
        clients = SimpleNamespace(for_key=lambda _: client)
        self.api_key = ApiKey(SecretStr("k" * 20), "key", cast(Any, clients))
        api_keys = SimpleNamespace(resolve=self._resolve)
        reads = ReadBudget(self.clock, queue, per_key=2)
        self.access = RemoteAccess(cast(Any, api_keys), CallLimit(1, queue), reads)

    async def _resolve(self, _: object) -> ApiKey:
        return self.api_key

    async def read(self) -> Any:
        return await self.access.read(self.api_key, "batches/1")


async def test_p18_a_job_that_waits_for_a_call_keeps_its_turn_to_read() -> None:
    parts = Parts()
    await parts.access.enter_read(ONE)
    with pytest.raises(Busy):
        await parts.access.enter_read(TWO)
    parts.access.leave(TWO.key)
    with pytest.raises(Delayed):
        await parts.access.enter_read(THREE)
    parts.access.leave(ONE.key)
    await parts.access.enter_read(TWO)


async def test_a_429_to_a_read_stops_the_reads_with_the_key_for_as_long_as_google_asks() -> None:
    parts = Parts()
    parts.google.error = errors.Throttled("Slow down.", status=429, retry_after=7.0)
    with pytest.raises(errors.Throttled):
        await parts.read()
    with pytest.raises(Delayed):
        await parts.access.enter_read(ONE)
    parts.clock.advance(7.0)
    await parts.access.enter_read(ONE)


@pytest.mark.parametrize("error", [errors.NotFound("?"), errors.Unavailable("?")])
async def test_other_errors_do_not_slow_down(error: errors.GeminiError) -> None:
    parts = Parts()
    parts.google.error = error
    with pytest.raises(type(error)):
        await parts.read()
    await parts.access.enter_read(ONE)


async def test_answers_let_the_rate_rise_again() -> None:
    parts = Parts()
    parts.google.error = errors.Throttled("Slow down.", status=429)
    with pytest.raises(errors.Throttled):
        await parts.read()
    parts.clock.advance(1.0)
    parts.google.error = None
    assert await parts.read() == "batches/1"
    parts.clock.advance(1.0)
    await parts.access.enter_read(ONE)
    parts.access.leave(ONE.key)
    await parts.access.enter_read(TWO)
