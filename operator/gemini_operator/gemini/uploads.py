"""Resumable uploads to the File API.

The requests are made here and not by the SDK. The SDK reads its source inside the event loop, cannot
read a stream of unknown length, and never resumes (google/genai/files.py). The protocol is the one
that the SDK for Go speaks for a stream of unknown length: a start without a length, chunks, and a
last chunk that finalizes (https://github.com/googleapis/go-genai, files.go).
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from gemini_operator.base.backoff import Backoff
from gemini_operator.base.nesting import Undecodable
from gemini_operator.gemini import documents, errors
from gemini_operator.gemini.classify import Answer
from gemini_operator.gemini.connection import GeminiConnection
from gemini_operator.gemini.measure import measured
from gemini_operator.gemini.settings import GeminiSettings

CHUNK: Final = 8 * 2**20
"""Bytes of a chunk, as in the SDKs."""

MIME_TYPE: Final = "application/jsonl"

TRIES: Final = 5
"""Requests for one chunk, at most."""

# Seconds before a chunk is sent again: the first time, and at most.
_FIRST, _MOST = 1.0, 15.0
# Seconds that an upload waits if Google asks for them. It keeps others from uploading meanwhile.
_PATIENT: Final = 60.0

# Bytes that are written to a connection at a time.
_WRITE: Final = 2**18

_ACTIVE, _FINAL = "active", "final"

# Answers to a chunk that do not end the upload: Google is asked what it has received.
_PASSING = (errors.Throttled, errors.Unavailable)

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class NewFile:
    """What a file is to be called.

    Args:
        name: `files/…`, of at most 40 characters after the slash.
        display_name: for users.
    """

    name: str
    display_name: str


class Upload:
    """One upload. Nobody sees the file before `finish`; an upload that is left is forgotten by Google.

    Args:
        connection: to Google, with the key.
        settings: timeouts.
        target: the URL that Google gave for the chunks. It has an id that cannot be guessed, so it
            is never logged.
        sleep: waits between two tries.
    """

    def __init__(
        self,
        connection: GeminiConnection,
        settings: GeminiSettings,
        target: str,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._target = target
        self._sleep = sleep
        self._backoff = Backoff(_FIRST, _MOST)
        self._held = Chunk()
        self._sent = 0

    @property
    def sent(self) -> int:
        """The bytes that Google has confirmed."""
        return self._sent

    async def write(self, piece: bytes) -> None:
        """Send what fills a chunk, and keep the rest for the next one.

        Raises:
            GeminiError: Google did not take it after several tries, or asked to wait for long.
        """
        rest = memoryview(piece)
        # The last chunk finalizes, so a full one is kept until there is more.
        while self._held.size + len(rest) > CHUNK:
            room = CHUNK - self._held.size
            self._held.add(rest[:room])
            chunk, self._held, rest = self._held, Chunk(), rest[room:]
            await self._send(chunk, last=False)
        self._held.add(rest)

    async def finish(self) -> dict[str, Any] | None:
        """Send the rest and make the file visible.

        Returns:
            The file as Google describes it; `None` if the answer was lost, and the file may be there
            or not.

        Raises:
            GeminiError: Google did not take it after several tries, or asked to wait for long.
        """
        rest, self._held = self._held, Chunk()
        return await self._send(rest, last=True)

    async def cancel(self) -> None:
        """Drop what was uploaded, if Google can be reached; it drops it by itself later."""
        try:
            await self._post("cancel", Chunk())
        except errors.GeminiError:
            # Without `finish` there is no file, so nothing is left that anybody could see.
            return

    async def _send(self, chunk: "Chunk", *, last: bool) -> dict[str, Any] | None:
        begin, command = self._sent, "upload, finalize" if last else "upload"
        for failures in range(1, TRIES + 1):
            try:
                answer = await self._post(command, chunk, skip=self._sent - begin)
                self._sent = begin + chunk.size
                if last:
                    return _file(answer)
                _check_active(answer)
                return None
            except _PASSING as error:
                await self._before_a_try(failures, error)
            if await self._look(begin, begin + chunk.size, last=last):
                return None
        raise AssertionError("unreachable")

    async def _look(self, begin: int, end: int, *, last: bool) -> bool:
        """Ask what Google has received; return whether it needs nothing more of the chunk.

        Raises:
            Unavailable: it has lost what it confirmed before.
            GeminiError: it knows nothing of the upload, or does not answer.
        """
        try:
            answer = await self._query()
        except (errors.NotFound, errors.Rejected):
            # A finalized upload may be forgotten: whether the file is there shows only the file.
            if last:
                return True
            raise
        if last and _status(answer) == _FINAL:
            return True
        received = _received(answer)
        if _status(answer) != _ACTIVE or not begin <= received <= end:
            raise errors.Unavailable(
                "files.upload: Google has lost a part of the upload", status=200
            )
        self._sent = received
        return not last and received == end

    async def _query(self) -> Answer:
        """Ask until Google answers: it may have the chunk, and would refuse to take it once more."""
        for failures in range(1, TRIES + 1):
            try:
                return await self._post("query", Chunk())
            except _PASSING as error:
                await self._before_a_try(failures, error)
        raise AssertionError("unreachable")

    async def _before_a_try(self, failures: int, error: errors.GeminiError) -> None:
        """Wait after `failures` tries, or raise `error` if another one would not help."""
        if failures == TRIES or _lasts(error):
            raise error
        await self._sleep(self._backoff.seconds(failures, error.retry_after))

    async def _post(self, command: str, chunk: "Chunk", *, skip: int = 0) -> Answer:
        call = "files.upload"
        with measured(call):
            return await self._connection.post(
                self._target,
                headers={
                    "x-goog-upload-command": command,
                    "x-goog-upload-offset": str(self._sent),
                    "content-type": "application/octet-stream",
                    "content-length": str(chunk.size - skip),
                },
                content=chunk.after(skip),
                call=call,
                seconds=self._settings.upload_timeout,
            )


class Chunk:
    """Pieces that are sent together, as they came: a copy would double the memory of an upload."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[memoryview] = []

    def add(self, piece: memoryview) -> None:
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)

    async def after(self, skip: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes but the first `skip`, a little at a time: none waits in a socket's buffer."""
        for piece in self._pieces:
            start, skip = min(skip, len(piece)), max(0, skip - len(piece))
            for at in range(start, len(piece), _WRITE):
                yield bytes(piece[at : at + _WRITE])


async def start(
    connection: GeminiConnection,
    settings: GeminiSettings,
    file: NewFile,
    sleep: Sleep = asyncio.sleep,
) -> Upload:
    """Start an upload of JSON Lines.

    Args:
        connection: to Google, with the key.
        settings: timeouts.
        file: its name must be free.
        sleep: waits between two tries.

    Raises:
        Rejected: Google refuses the file, or sends the upload to another address.
        NotSent: this process may no longer act.
        CredentialsRejected, Throttled, Unavailable: it was not started.
    """
    call = "files.upload"
    meta = {"name": file.name, "display_name": file.display_name, "mime_type": MIME_TYPE}
    with measured(call):
        answer = await connection.post(
            connection.upload_url,
            headers={
                "content-type": "application/json",
                "x-goog-upload-protocol": "resumable",
                "x-goog-upload-command": "start",
                "x-goog-upload-header-content-type": MIME_TYPE,
            },
            content=json.dumps({"file": meta}).encode(),
            call=call,
            seconds=settings.timeout,
            with_key=True,
        )
        target = answer.headers.get("x-goog-upload-url")
        if not target:
            raise errors.Unavailable(f"{call}: Google's answer names no address", status=200)
    return Upload(connection, settings, target, sleep)


def _lasts(error: errors.GeminiError) -> bool:
    """Return whether what refuses a chunk will not pass while its upload waits."""
    return isinstance(error, errors.StorageFull) or (error.retry_after or 0.0) > _PATIENT


def _status(answer: Answer) -> str:
    return answer.headers.get("x-goog-upload-status", "").strip().lower()


def _received(answer: Answer) -> int:
    size = answer.headers.get("x-goog-upload-size-received", "")
    return int(size) if size.isascii() and size.isdecimal() and len(size) < 20 else -1


def _check_active(answer: Answer) -> None:
    if _status(answer) != _ACTIVE:
        raise errors.Rejected(
            "files.upload: Google ended the upload before its last chunk", status=200
        )


def _file(answer: Answer) -> dict[str, Any] | None:
    try:
        file = documents.parse(answer.body).get("file")
    except Undecodable:
        return None
    return file if isinstance(file, dict) else None
