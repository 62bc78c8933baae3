"""The `gemini-operator emulator` command: its options, the state directory and its lock."""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from gemini_emulator.addresses import Prefix, is_loopback
from gemini_emulator.app import EmulatorSettings, serve
from gemini_emulator.schedule import RetrySchedule, Schedule
from gemini_emulator.signing import SignatureMode
from gemini_emulator.store import StateLock

T = TypeVar("T")


@click.command(
    context_settings={
        "auto_envvar_prefix": "GEMINI_OPERATOR",
        "show_default": True,
        "max_content_width": 100,
    }
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port", default=8085, type=click.IntRange(0, 65535), help="Port; 0 picks a free one."
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps batches, files, keys and pending callbacks. Without one, the state "
    "ends with the process.",
)
@click.option(
    "--schedule",
    default="pending=1s,running=2s",
    help="How long a batch stays in each state (ms, s, m, h).",
)
@click.option(
    "--deliver-to",
    multiple=True,
    metavar="PREFIX",
    help="Callbacks go only to addresses with this scheme, host and port and below this path; an "
    "empty port, as in http://127.0.0.1:, means every port. Repeatable; none: no callbacks.",
)
@click.option(
    "--signature",
    type=click.Choice(["v1a", "jwt", "both"]),
    default="v1a",
    help="How callbacks are signed: Ed25519 as seen of Google, RS256 as Google documents, or both.",
)
@click.option(
    "--retry-schedule",
    default="first=5s,max=1h,for=24h",
    help="Delay after the first failed callback, doubled up to max, until for is over "
    "(ms, s, m, h).",
)
@click.option(
    "--max-open-batches",
    default=100,
    type=click.IntRange(1),
    help="Unfinished batches of one project; a further one is refused with 429.",
)
@click.option(
    "--control-token",
    help="Bearer token that the routes under /emulator/ ask for. Needed off loopback.",
    show_default=False,
)
def emulator(
    *,
    host: str,
    port: int,
    state_dir: Path | None,
    schedule: str,
    deliver_to: tuple[str, ...],
    signature: SignatureMode,
    retry_schedule: str,
    max_open_batches: int,
    control_token: str | None,
) -> None:
    """Serve a local Gemini API: batches, files and signed callbacks.

    API keys begin with emulator- and have at least 20 characters; emulator-PROJECT-ANYTHING is a
    key of PROJECT. Nothing is sent to Google.
    """
    if control_token is None and not is_loopback(host):
        raise click.UsageError(
            f"--host {host} is not a loopback address: set --control-token, which protects the "
            "routes under /emulator/"
        )
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s"
    )
    with _state_folder(state_dir) as folder, _locked(folder):
        settings = EmulatorSettings(
            state_dir=folder,
            schedule=_option("--schedule", Schedule.parse, schedule),
            retries=_option("--retry-schedule", RetrySchedule.parse, retry_schedule),
            deliver_to=tuple(_option("--deliver-to", Prefix.parse, each) for each in deliver_to),
            signature=signature,
            control_token=control_token,
            max_open_batches=max_open_batches,
        )
        asyncio.run(serve(settings, host, port))


@contextmanager
def _state_folder(state_dir: Path | None) -> Iterator[Path]:
    if state_dir is not None:
        yield state_dir
        return
    with tempfile.TemporaryDirectory(prefix="gemini-emulator-") as name:
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        lock = StateLock(folder)
    except OSError as error:
        raise click.UsageError(
            f"--state-dir {folder} cannot be used ({error.strerror}): "
            "stop the other emulator or name another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _option(name: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise click.UsageError(f"{name}: {error}") from error
