"""The command `gemini-operator receiver`."""

import asyncio
import os

import click

from gemini_operator.base import environment, flags, logs, open_files, variables
from gemini_operator.base.process import disable_core_dumps
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.receiver import process
from gemini_operator.receiver.settings import Settings
from gemini_operator.receiver.webhooks.secrets import SecretDirectory

_log = logs.get_logger(__name__)


@click.command(
    context_settings=flags.CONTEXT,
    params=flags.options(Settings),
    short_help="Receive and verify callbacks of Google.",
)
def receiver(**given: object) -> None:
    """Receive Google's callbacks, verify them, and record them on the jobs they are for."""
    settings = flags.build(Settings, given)
    logs.configure(settings.log_format, settings.log_level)
    for line in variables.unknown(os.environ):
        _log.warning(line)
    environment.scrub(os.environ)
    # Before the callback keys are read into memory.
    disable_core_dumps()
    open_files.raise_limit()
    try:
        keys = KeyDirectory(settings.callback_keys_dir)
        path = settings.static_secrets_dir
        secrets = None if path is None else SecretDirectory(path)
        asyncio.run(process.run(settings, keys, secrets))
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
