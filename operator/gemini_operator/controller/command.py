"""The command `gemini-operator controller`."""

import asyncio
import os
import sys

import click

from gemini_operator.base import environment, flags, logs, variables
from gemini_operator.base.process import disable_core_dumps
from gemini_operator.controller.process import Controller
from gemini_operator.controller.settings import ControllerSettings
from gemini_operator.kube import connection
from gemini_operator.payload.objects.ambient import AmbientIdentity

log = logs.get_logger(__name__)


@click.command(
    context_settings=flags.CONTEXT,
    params=flags.options(ControllerSettings),
    short_help="Submit jobs to Google and deliver results.",
)
def controller(**given: object) -> None:
    """Submit GeminiBatchJobs to Google, follow them, deliver their results."""
    settings = flags.build(ControllerSettings, given)
    logs.configure(settings.log_format, settings.log_level)
    for line in variables.unknown(os.environ):
        log.warning(line)
    # Before any client exists: the SDK would use keys and hosts that it finds in the environment.
    ambient = AmbientIdentity(os.environ)
    environment.scrub(os.environ)
    disable_core_dumps()
    sys.exit(asyncio.run(_run(settings, ambient)))


async def _run(settings: ControllerSettings, ambient: AmbientIdentity) -> int:
    # A kubeconfig that cannot be used, or a port that is taken: the user can fix both.
    try:
        cluster = await connection.load(settings.kubeconfig)
        process = Controller(settings, cluster, ambient=ambient)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    try:
        await process.start()
    except OSError as error:
        await process.close()
        raise click.UsageError(str(error)) from None
    return await process.run()
