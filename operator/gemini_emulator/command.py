"""The `gemini-operator emulator` command: the state directory and its lock."""

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gemini_emulator.app import serve
from gemini_emulator.settings import EmulatorSettings
from gemini_emulator.store import StateLock
from gemini_operator.base import flags, variables

_log = logging.getLogger(__name__)


@click.command(
    context_settings=flags.CONTEXT,
    params=flags.options(EmulatorSettings),
    short_help="Serve a local Gemini API, for tests.",
)
def emulator(**given: object) -> None:
    """Serve a local Gemini API: batches, files and signed callbacks.

    API keys begin with emulator- and have at least 20 characters; emulator-PROJECT-ANYTHING is a
    key of PROJECT. Nothing is sent to Google.
    """
    settings = flags.build(EmulatorSettings, given)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s"
    )
    for line in variables.unknown(os.environ):
        _log.warning(line)
    with _state_folder(settings.state_dir) as folder, _locked(folder):
        asyncio.run(serve(settings, folder))


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
