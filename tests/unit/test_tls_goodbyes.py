"""A TLS connection that its user has closed is gone when its loop ends."""

import asyncio
import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "peer.pem"
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none)
    path.write_bytes(private + certificate.public_bytes(encoding))
    found = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    found.load_cert_chain(path)
    return found


@pytest.fixture
def silent(context: ssl.SSLContext) -> Iterator[str]:
    """The URL of a peer that begins an answer, and never says goodbye."""
    over = threading.Event()

    def serve() -> None:
        accepted, _ = listener.accept()
        with suppress(OSError), context.wrap_socket(accepted, server_side=True) as peer:
            peer.recv(65536)
            peer.sendall(HEAD)
            over.wait(20)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join()


def test_a_peer_that_never_says_goodbye_leaves_no_socket_to_another_test(silent: str) -> None:
    async def watch() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
            answer = await session.get(silent)
            answer.close()

    asyncio.run(watch())
    gc.collect()


def test_what_nobody_has_closed_is_still_found(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget() -> None:
        host, _, port = silent.removeprefix("https://").partition(":")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        loop = asyncio.get_running_loop()
        await loop.create_connection(asyncio.Protocol, host, int(port), ssl=context)

    asyncio.run(forget())
    found: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda caught: found.append(caught.exc_type))
    gc.collect()
    monkeypatch.undo()
    assert ResourceWarning in found
