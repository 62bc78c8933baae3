"""Clients of the real package, and the two kinds of Google they talk to."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import SecretStr

from gemini_operator.gemini.clients import GeminiClient, GeminiClients
from gemini_operator.gemini.settings import GeminiSettings
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.integration.gemini.peer import Peer, serving

ClientFor = Callable[..., GeminiClient]
"""`client_for(url, key=…, may_send=…, **settings)`: a client that is closed after the test."""


@pytest.fixture
async def client_for() -> AsyncIterator[ClientFor]:
    async with AsyncExitStack() as stack:

        def make(
            url: str,
            key: str = API_KEY,
            *,
            may_send: Callable[[], bool] | None = None,
            **settings: Any,
        ) -> GeminiClient:
            given = GeminiSettings(base_url=url, allow_insecure=True, **settings)
            clients = GeminiClients(given, may_send=may_send)
            stack.push_async_callback(clients.aclose)
            return clients.for_key(SecretStr(key))

        yield make


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serving() as one:
        yield one


@pytest.fixture
async def stranger() -> AsyncIterator[Peer]:
    """Somebody who must never hear from us."""
    async with serving() as one:
        yield one


@pytest.fixture(scope="module")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(tmp_path_factory.mktemp("emulator") / "state") as process:
        yield process


@pytest.fixture
def emulator(shared_emulator: EmulatorProcess) -> EmulatorProcess:
    """The emulator with nothing in it."""
    shared_emulator.reset()
    return shared_emulator
