"""The command `gemini-operator receiver`."""

import asyncio
import os
from pathlib import Path

import click

from gemini_operator.base import open_files
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.gemini import environment
from gemini_operator.receiver import process
from gemini_operator.receiver.settings import DEFAULT_JWKS_URL, Settings
from gemini_operator.telemetry import core_dumps, logs, options


@click.command(context_settings=options.CONTEXT)
@click.option("--host", default="0.0.0.0", help="Address to listen on for callbacks.")
@click.option(
    "--port",
    default=8080,
    type=click.IntRange(0, 65535),
    help="Port for callbacks; 0 takes a free one.",
)
@click.option(
    "--callback-keys-dir",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory of callback keys: files of 64 hexadecimal characters, all of which are "
    "accepted. Changes are noticed without a restart.",
)
@click.option(
    "--jwks-url", default=DEFAULT_JWKS_URL, help="https URL of the keys that Google signs with."
)
@click.option(
    "--allow-insecure-jwks", is_flag=True, help="Allow a plain http --jwks-url (local emulator)."
)
@options.process_options
def receiver(*, callback_keys_dir: Path, log_format: str, log_level: str, **given: object) -> None:
    """Receive Google's callbacks, verify them, and record them on the jobs they are for."""
    logs.configure(log_format, log_level)
    environment.scrub(os.environ)
    core_dumps.disable()
    open_files.raise_limit()
    try:
        settings = Settings(**given)  # type: ignore[arg-type] # click has checked the types
        asyncio.run(process.run(settings, KeyDirectory(callback_keys_dir)))
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
