"""Servers that objects are read from and written to."""

import asyncio
import resource
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local import binaries
from local.ports import free_port
from tests.waiting import eventually

ACCESS_KEY, SECRET_KEY, BUCKET = "TESTACCESSKEY", "test-secret-key", "bucket-one"


class S3Server:
    """versitygw with one bucket, on a port that it keeps through every restart."""

    def __init__(self, directory: Path) -> None:
        self.data, self._side = directory / "data", directory / "side"
        (self.data / BUCKET).mkdir(parents=True)
        self._side.mkdir()
        self._log = directory / "log"
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, secret: str = SECRET_KEY) -> None:
        program = binaries.present().versitygw
        arguments = ["--access", ACCESS_KEY, "--secret", secret, "--quiet"]
        listen = ["--port", f"127.0.0.1:{self._port}"]
        backend = ["posix", "--sidecar", str(self._side), str(self.data)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, *arguments, *listen, *backend], stdout=log, stderr=log
            )
        eventually(self._answers, timeout=30, what="an answer of versitygw")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """End it at once: every transfer breaks off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def replace(self, path: str, by: str) -> None:
        """Put one object, with its ETag, into the place of another one, while the server is away."""
        assert self._process is None
        (self.data / BUCKET / by).replace(self.data / BUCKET / path)
        shutil.rmtree(self._side / BUCKET / path)
        (self._side / BUCKET / by).replace(self._side / BUCKET / path)

    def limit_files(self, size: int) -> None:
        """Refuse to write files beyond so many bytes, as a full disk does; -1 ends that."""
        assert self._process is not None
        _, most = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, most))

    def unfinished_uploads(self, bucket: str = BUCKET) -> list[Path]:
        """The folders of multipart uploads that were neither completed nor aborted."""
        return list((self.data / bucket / ".sgwtmp" / "multipart").glob("*/*"))

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=1):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


@dataclass
class Request:
    method: str
    target: str
    headers: Mapping[str, str]


@dataclass
class Reply:
    """An answer. `body` is sent as it is, whatever the headers say; then the connection is closed."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: int = 1
    """In how many writes the body is sent."""
    pause: float = 0
    """Seconds after each of them."""


Script = Callable[[Request], Reply]


@dataclass
class Server:
    """A server that answers what a test says."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    broken: int = 0
    """Connections that ended before the answer did."""


@asynccontextmanager
async def scripted(
    script: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    served = Server()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = _parse(await reader.readuntil(b"\r\n\r\n"))
            served.requests.append(request)
            await _send(writer, script(request))
        except (asyncio.IncompleteReadError, ConnectionError):
            served.broken += 1
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host, 0, ssl=tls)
    async with server:
        served.port = server.sockets[0].getsockname()[1]
        yield served


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    headers = {"connection": "close", **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} Reason", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    step = -(-len(reply.body) // reply.pieces) or 1
    for start in range(0, len(reply.body), step):
        writer.write(reply.body[start : start + step])
        await writer.drain()
        await asyncio.sleep(reply.pause)
    await writer.drain()


def _parse(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines if line)
    return Request(method, target, {name.lower(): value.strip() for name, _, value in pairs})
