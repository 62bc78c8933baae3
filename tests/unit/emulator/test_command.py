import socket
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gemini_emulator.command import emulator


def refusal(*args: str) -> str:
    result = CliRunner().invoke(emulator, args, standalone_mode=False)
    assert isinstance(result.exception, click.UsageError)
    assert result.exception.exit_code == 2
    message = result.exception.format_message()
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--schedule", "pending=soon"], "--schedule: 'soon' is not a duration"),
        (["--schedule", "waiting=1s"], "--schedule: 'waiting' is unknown"),
        (["--retry-schedule", "first=0s"], "--retry-schedule: first must be longer"),
        (["--deliver-to", "127.0.0.1"], "--deliver-to: '127.0.0.1' is not an address"),
        (["--signature", "none"], "'none' is not one of"),
        (["--port", "70000"], "70000 is not in the range"),
    ],
)
def test_a_bad_option_is_named_in_one_line(args: list[str], problem: str) -> None:
    assert problem in refusal(*args)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "emulator.test"])
def test_s24_off_loopback_needs_a_control_token(host: str) -> None:
    assert "--control-token" in refusal("--host", host)


def test_a_state_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "below"
    assert str(folder) in refusal("--state-dir", str(folder))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        said = refusal("--port", str(port))
    assert f"port {port} (address already in use): choose another --port" in said


def test_every_option_is_also_a_variable() -> None:
    result = CliRunner().invoke(emulator, [], env={"GEMINI_OPERATOR_SCHEDULE": "pending=soon"})
    assert "'soon' is not a duration" in result.output
