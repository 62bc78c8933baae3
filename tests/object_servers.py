"""Servers that objects are read from and written to."""

import asyncio
import hmac
import json
import os
import resource
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from http.client import HTTPResponse
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local import binaries
from local.places import FAKE_GCS
from local.ports import free_port
from tests import javascript
from tests.waiting import eventually

ACCESS_KEY, SECRET_KEY, BUCKET = "TESTACCESSKEY", "test-secret-key", "bucket-one"
ACCOUNT, ACCOUNT_KEY, CONTAINER = "accountone", b64encode(b"test-account-key").decode(), "container"
AZURITE = Path(__file__).parent / "integration" / "payload" / "objects" / "azurite"


class _Program:
    """A server that is a program, on a port that it keeps through every restart."""

    def __init__(self, log: Path) -> None:
        self._log = log
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

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def _run(self, *command: str | Path, **variables: str) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **variables}
            )
        eventually(self._answers, timeout=30, what=f"an answer of {command[0]}")

    def kill(self) -> None:
        """End it at once: every transfer breaks off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=1):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False


class S3Server(_Program):
    """versitygw with one bucket."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "log")
        self.data, self._side = directory / "data", directory / "side"
        (self.data / BUCKET).mkdir(parents=True)
        self._side.mkdir()

    def start(self, secret: str = SECRET_KEY) -> None:
        self._run(
            binaries.present().versitygw,
            *("--access", ACCESS_KEY, "--secret", secret, "--quiet"),
            *("--port", f"127.0.0.1:{self._port}"),
            *("posix", "--sidecar", self._side, self.data),
        )

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


class AzureServer(_Program):
    """Azurite with one container. Skips the test where Node.js is missing or too old."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "log")
        self._data = directory / "data"
        self._packages = javascript.installed(AZURITE)
        self.url += f"/{ACCOUNT}"

    def start(self) -> None:
        self._run(
            *("node", self._packages / "azurite" / "dist" / "src" / "blob" / "main.js"),
            *("--blobHost", "127.0.0.1", "--blobPort", str(self._port)),
            *("--location", self._data, "--disableTelemetry", "--silent"),
            AZURITE_ACCOUNTS=f"{ACCOUNT}:{ACCOUNT_KEY}",
        )
        with self.request("PUT", f"/{CONTAINER}", {"restype": "container"}):
            pass

    def uncommitted(self, path: str) -> int:
        """How many blocks of a blob were uploaded and are no part of it; none without any blob."""
        query = {"comp": "blocklist", "blocklisttype": "uncommitted"}
        try:
            with self.request("GET", f"/{CONTAINER}/{path}", query) as answer:
                return int(answer.read().count(b"<Block>"))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return 0
            raise

    def put(self, path: str, content: bytes) -> None:
        """Write a blob in one request."""
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": "application/x-ndjson"}
        with self.request("PUT", f"/{CONTAINER}/{quote(path)}", {}, content, headers):
            pass

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None = None,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> HTTPResponse:
        """Send a request signed with the account's key, which obstore has no function for."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06", **more}
        named = (f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-ms-"))
        lines = [
            *(method, "", "", str(len(body)) if body else "", "", more.get("content-type", "")),
            *([""] * 6),
            *named,
            f"/{ACCOUNT}/{ACCOUNT}{path}",
            *(f"{name}:{query[name]}" for name in sorted(query)),
        ]
        signed = hmac.digest(b64decode(ACCOUNT_KEY), "\n".join(lines).encode(), "sha256")
        headers["authorization"] = f"SharedKey {ACCOUNT}:{b64encode(signed).decode()}"
        url = f"{self.url}{path}?{urlencode(query)}"
        asked = urllib.request.Request(url, body, headers, method=method)
        answer: HTTPResponse = urllib.request.urlopen(asked, timeout=20)
        return answer


class GcsServer(_Program):
    """fake-gcs-server with one bucket. Objects in it are put there by `put` only.

    It has no XML API to write with, which obstore uses: see `tests/xml_api.py` for that.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "log")
        self._program = binaries.build_missing(
            {"fake-gcs-server": FAKE_GCS}, print, dict(os.environ)
        )["fake-gcs-server"]

    def start(self) -> None:
        host = ("-host", "127.0.0.1", "-port", str(self._port))
        public = ("-public-host", "127.0.0.1")
        self._run(self._program, "-scheme", "http", "-backend", "memory", *host, *public)
        body = json.dumps({"name": BUCKET}).encode()
        self._post("/storage/v1/b?project=test", body, "application/json")

    def put(self, key: str, content: bytes) -> str:
        """Write an object by the JSON API; returns its generation."""
        query = urlencode({"uploadType": "media", "name": key})
        path = f"/upload/storage/v1/b/{BUCKET}/o?{query}"
        return str(self._post(path, content, "application/x-ndjson")["generation"])

    def _post(self, path: str, body: bytes, content_type: str) -> dict[str, Any]:
        headers = {"content-type": content_type}
        request = urllib.request.Request(f"{self.url}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@cache
def service_account(email: str) -> str:
    """The JSON key of a service account with a new private key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {"client_email": email, "private_key": key.decode(), "private_key_id": "test"}
    )


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
