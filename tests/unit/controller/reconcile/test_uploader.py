import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.input import InputObject
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.reconcile.uploader import MOST, MOST_IF_REJECTED, Uploader
from gemini_operator.controller.transfers import Direction, Transfer, Transfers
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.gemini import errors
from gemini_operator.payload.objects.errors import TooSlow
from tests.unit.controller.builders import a_job, a_snapshot, reason_of
from tests.unit.controller.clocks import ManualClock

FILE = "files/0f9a1b2c-1"


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


class Google:
    """Files that fail, an output that is fine, and a key."""

    def __init__(self, error: errors.GeminiError) -> None:
        self.error, self.calls, self.key_id = error, 0, "one"

    async def get(self, _: str) -> Any:
        self.calls += 1
        raise self.error

    async def check(self, _: Any) -> None:
        return

    async def resolve(self, _: Any) -> Any:
        return SimpleNamespace(client=SimpleNamespace(files=self), key_id=self.key_id)

    enter = resolve


def an_uploader(google: Google, clock: ManualClock) -> Any:
    transfers = Transfers(KeyedQueue(clock), clock, rests=0.0)
    return Uploader(google, google, google, transfers, clock)  # type: ignore[arg-type]


def an_upload(**of_file: Any) -> Snapshot:
    """A job whose file has a name."""
    spec = {"input": {"object": {"uri": "s3://b/a"}}}
    file = {"fileName": FILE, **of_file}
    return a_snapshot(a_job(spec=spec, status={"inputFile": file}))


async def tried(uploader: Uploader, clock: ManualClock, before: Snapshot) -> Snapshot:
    """The job after a try, and after the rest that follows a failed one."""
    snapshot = replace(before, monotonic=clock.monotonic())
    for _ in range(20):
        write = await uploader.upload(snapshot, FILE)
        snapshot = snapshot.with_status(write.status)
        await asyncio.sleep(0.005)
    return snapshot


@pytest.mark.parametrize("whole", [False, True], ids=["upload", "look"])
async def test_a_429_is_not_tried_again_before_its_time(whole: bool) -> None:
    clock, google = ManualClock(), Google(errors.Throttled("429", status=429, retry_after=600.0))
    uploader = an_uploader(google, clock)
    snapshot = an_upload(**({"sha256": "0" * 64, "bytes": 1} if whole else {}))
    snapshot = await tried(uploader, clock, snapshot)
    assert google.calls == 1
    assert reason_of(snapshot.status, "Submitted") == ("False", "QuotaExceeded")
    write = await uploader.upload(snapshot, FILE)
    assert write.seconds == pytest.approx(600.0, abs=1.0)
    # A new key in the Secret is tried at once.
    google.key_id = "two"
    snapshot = await tried(uploader, clock, snapshot)
    assert google.calls == 2
    clock.advance(601.0)
    google.error = errors.CredentialsRejected("401", status=401)
    snapshot = await tried(uploader, clock, snapshot)
    assert google.calls > 2
    assert reason_of(snapshot.status, "Stalled") == ("True", "CredentialsRejected")
    assert reason_of(snapshot.status, "Submitted") == ("False", "CredentialsRejected")


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (errors.Unavailable("503", status=503), MOST),
        (errors.CredentialsRejected("401", status=401), MOST),
        (errors.PermissionDenied("403", status=403), MOST),
        (errors.Rejected("413", status=413), MOST_IF_REJECTED),
        # Google's pause is for ever, and there is room again once a file is deleted.
        (errors.StorageFull("429", status=429, retry_after=3600.0), MOST_IF_REJECTED),
    ],
    ids=lambda case: type(case).__name__,
)
async def test_s10_what_google_does_not_take_is_copied_less_and_less_often(
    error: errors.GeminiError, most: float
) -> None:
    clock, google = ManualClock(), Google(error)
    uploader = an_uploader(google, clock)
    snapshot = an_upload()

    async def looks() -> None:
        for _ in range(5):
            with suppress(errors.Unavailable, errors.Rejected):
                await uploader.upload(replace(snapshot, monotonic=clock.monotonic()), FILE)
            await asyncio.sleep(0.001)

    await looks()
    assert google.calls == 1
    for _ in range(12):
        clock.advance(most)
        await looks()
    assert google.calls == 13
    clock.advance(most / 2 - 1)
    await looks()
    assert google.calls == 13
    # A new key in the Secret is tried at once.
    google.key_id = "two"
    await looks()
    assert google.calls == 14


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.Throttled("429", status=429, retry_after=600.0), "QuotaExceeded"),
        (errors.StorageFull("429", status=429), "FileStorageFull"),
    ],
)
async def test_a_resumed_job_says_what_its_upload_waits_for(
    error: errors.GeminiError, said: str
) -> None:
    clock, google = ManualClock(), Google(error)
    uploader = an_uploader(google, clock)
    snapshot = an_upload()
    snapshot = await tried(uploader, clock, snapshot)
    resumed = snapshot.condition(snapshot.status, "Submitted", False, Reason.RESUMED)
    snapshot = await tried(uploader, clock, snapshot.with_status(resumed))
    assert google.calls == 1
    assert reason_of(snapshot.status, "Submitted") == ("False", said)


class Slow(Google):
    """Google takes pieces when it is told to; the input is opened when it is told to."""

    size = 3 * 2**20

    def __init__(self) -> None:
        super().__init__(errors.NotFound("files.get: no such file"))
        self.opens, self.takes, self.sent = asyncio.Event(), asyncio.Event(), 0

    @asynccontextmanager
    async def reading(self, *_: Any) -> AsyncIterator["Slow"]:
        await self.opens.wait()
        yield self

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for n in range(3):
            yield b'{"key": "%d", "request": {"contents": []}}\n' % n
            await asyncio.sleep(0.01)

    async def start_upload(self, _: Any) -> Any:
        return self

    async def write(self, _: bytes) -> None:
        if self.sent == 0:
            self.sent = 2**20
            return
        await self.takes.wait()
        raise errors.Rejected("enough")

    async def cancel(self) -> None:
        return


async def test_nothing_is_copied_before_the_input_is_open() -> None:
    clock, google = ManualClock(), Slow()
    uploader = an_uploader(google, clock)
    snapshot = an_upload()
    assert (await tried(uploader, clock, snapshot)).status == snapshot.status
    google.opens.set()
    after = await tried(uploader, clock, snapshot)
    assert after.status.state == "Uploading"
    [said] = after.status.conditions
    assert said.message.endswith("Copied 1 of 3 MiB.")
    google.takes.set()
    await uploader._transfers.close()
