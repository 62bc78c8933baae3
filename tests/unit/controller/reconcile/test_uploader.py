import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.api.v1alpha1.input import InputObject
from gemini_operator.controller.reconcile.uploader import Uploader
from gemini_operator.controller.transfers import Direction, Transfer
from gemini_operator.gemini import errors
from gemini_operator.payload.objects.errors import TooSlow
from tests.unit.controller.builders import a_job


class Endless:
    """An input whose next piece never comes, and Google's files, of which there are none."""

    size = None

    @asynccontextmanager
    async def reading(self, *_: Any) -> AsyncIterator["Endless"]:
        yield self

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        while True:
            yield b"\n"
            await asyncio.sleep(0.01)

    async def get(self, _: str) -> None:
        raise errors.NotFound("files.get: no such file")

    async def start_upload(self, _: Any) -> Any:
        return SimpleNamespace(write=self.write, cancel=self.cancel, sent=0)

    async def write(self, _: bytes) -> None:
        return

    async def cancel(self) -> None:
        self.cancelled = True


async def test_s10_a_copy_that_takes_too_long_gives_its_place_to_others() -> None:
    endless = Endless()
    uploader: Any = Uploader(*(endless, *(None,) * 4), longest=timedelta(seconds=0.1))  # type: ignore[arg-type]
    source = InputObject(uri="https://example.com/a?token=secret")
    api_key = SimpleNamespace(client=SimpleNamespace(files=endless))
    with pytest.raises(TooSlow, match=r"https://example\.com/a could not .* within 0:00:00\.1"):
        await uploader._copy(
            a_job(), source, "files/a", api_key, Transfer(Direction.INPUT, "uid", "files/a")
        )
    assert endless.cancelled
