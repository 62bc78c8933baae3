"""The command line: what is wrong is said in one line, with exit status 2."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.callback_keys import KEY
from tests.program import PROGRAM


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "key").write_text(KEY)
    return folder


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def complaint(*options: str) -> str:
    addresses = ("--host", "127.0.0.1", "--health-host", "127.0.0.1")
    command = [str(PROGRAM), "receiver", *addresses, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return str(line)


def test_s18_a_bad_key_file_refuses_to_start(keys: Path) -> None:
    (keys / "key").write_text(KEY[2:])
    line = complaint("--callback-keys-dir", str(keys))
    assert "64 hex characters" in line
    assert KEY[2:10] not in line


def test_s18_a_key_that_can_be_guessed_refuses_to_start(keys: Path) -> None:
    (keys / "key").write_text("0" * 64)
    line = complaint("--callback-keys-dir", str(keys))
    assert f"{keys / 'key'} holds a pattern" in line
    assert "`openssl rand -hex 32`" in line


@pytest.mark.row(129)
def test_s21_plain_http_for_the_key_set_refuses_to_start(keys: Path) -> None:
    line = complaint("--callback-keys-dir", str(keys), "--jwks-url", "http://127.0.0.1/keys")
    assert "--jwks-url must start with https://" in line


@pytest.mark.row(51)
@pytest.mark.parametrize("text", [None, "", "whsec_", "v1,whsec_" + "A" * 44, "whsec_QQ=="])
def test_a_static_webhook_without_a_usable_secret_refuses_to_start(
    keys: Path, tmp_path: Path, text: str | None
) -> None:
    folder = tmp_path / "static" / "team-a" / "reviews"
    folder.mkdir(parents=True)
    if text is not None:
        (folder / "first").write_text(text)
    static = str(tmp_path / "static")
    line = complaint("--callback-keys-dir", str(keys), "--static-secrets-dir", static)
    assert "secret" in line
    assert "A" * 44 not in line


def test_a_missing_kubeconfig_is_named(keys: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere")
    assert path in complaint("--callback-keys-dir", str(keys), "--kubeconfig", path)


def port_flags(taken: str, port: int) -> tuple[str, ...]:
    free = {"--port": "0", "--metrics-port": "0"} | {taken: str(port)}
    return tuple(word for pair in free.items() for word in pair)


@pytest.mark.parametrize("flag", ["--port", "--metrics-port"])
def test_a_port_that_is_taken_is_named(
    keys: Path, tmp_path: Path, taken_port: int, flag: str
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        """{"apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "here", "user": {"token": "none"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}]}"""
    )
    line = complaint(
        *("--callback-keys-dir", str(keys), "--kubeconfig", str(kubeconfig)),
        *port_flags(flag, taken_port),
    )
    assert f"port {taken_port} (address already in use): choose another {flag}" in line


def test_the_receiver_loads_neither_the_gemini_sdk_nor_the_watch_engine() -> None:
    script = (
        "import sys, gemini_operator.receiver.command\n"
        "print([name for name in ('google.genai', 'kopf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
