"""The official SDKs, unmodified, against one emulator; every test is a project of its own."""

from collections.abc import Iterator
from secrets import token_hex

import pytest

from tests.emulator_process import EmulatorProcess


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(tmp_path_factory.mktemp("sdk") / "state") as process:
        yield process


@pytest.fixture
def api_key() -> str:
    return f"emulator-{token_hex(4)}-0000000001"
