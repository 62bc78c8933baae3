"""The command-line options that the controller and the receiver share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gemini_operator.telemetry import logs

CONTEXT: dict[str, Any] = {
    "auto_envvar_prefix": "GEMINI_OPERATOR",
    "show_default": True,
    "max_content_width": 100,
}

Command = TypeVar("Command", bound=Callable[..., Any])

_HEALTH_HOST = click.option(
    "--health-host", default="0.0.0.0", help="Address for /healthz, /readyz, /metrics."
)
_METRICS_PORT = click.option(
    "--metrics-port",
    default=8081,
    type=click.IntRange(0, 65535),
    help="Port for /healthz, /readyz and /metrics; 0 takes a free one.",
)
_KUBECONFIG = click.option(
    "--kubeconfig", help="Path of a kubeconfig; default: the pod's ServiceAccount, or ~/.kube."
)
_LOG_FORMAT = click.option(
    "--log-format",
    default="json",
    type=click.Choice(logs.FORMATS),
    help="json for machines, text for people.",
)
_LOG_LEVEL = click.option(
    "--log-level",
    default="info",
    type=click.Choice(logs.LEVELS),
    help="The least important lines to write; libraries write warnings and errors only.",
)


def process_options(command: Command) -> Command:
    """Add `--kubeconfig`, `--health-host`, `--metrics-port`, `--log-format` and `--log-level`."""
    for option in (_LOG_LEVEL, _LOG_FORMAT, _METRICS_PORT, _HEALTH_HOST, _KUBECONFIG):
        command = option(command)
    return command
