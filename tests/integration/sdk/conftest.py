"""The official SDKs, unmodified, against one emulator; every test is a project of its own."""

from collections.abc import AsyncIterator, Iterator
from secrets import token_hex
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.emulator_process import EmulatorProcess

VERSIONS = ["v1", "v1beta", "v1alpha"]


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(tmp_path_factory.mktemp("sdk") / "state") as process:
        yield process


@pytest.fixture
def api_key() -> str:
    return f"emulator-{token_hex(4)}-0000000001"


def options(emulator: EmulatorProcess, version: str = "v1beta") -> types.HttpOptions:
    return types.HttpOptions(base_url=emulator.url, api_version=version, timeout=20_000)


@pytest.fixture
def client(emulator: EmulatorProcess, api_key: str) -> Iterator[genai.Client]:
    with genai.Client(api_key=api_key, http_options=options(emulator)) as client:
        yield client


@pytest.fixture
async def aio(emulator: EmulatorProcess, api_key: str) -> AsyncIterator[Any]:
    client = genai.Client(api_key=api_key, http_options=options(emulator))
    async with client.aio as aio:
        yield aio
    client.close()
