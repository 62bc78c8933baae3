"""The flags that the controller and the receiver share."""

from dataclasses import dataclass

import click

from gemini_operator.base import logs
from gemini_operator.base.flags import flag


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """The flags for the API server, for health and metrics, and for logs."""

    kubeconfig: str | None = flag(
        "--kubeconfig",
        help="Path of a kubeconfig. Without it: the pod's ServiceAccount; outside a pod, $KUBECONFIG "
        "or ~/.kube/config.",
    )
    health_host: str = flag(
        "--health-host",
        default="0.0.0.0",
        help="Address to listen on for /healthz, /readyz and /metrics.",
    )
    metrics_port: int = flag(
        "--metrics-port",
        default=8081,
        type=click.IntRange(0, 65535),
        help="Port for /healthz, /readyz and /metrics; 0 picks a free one.",
    )
    log_format: str = flag(
        "--log-format",
        default="json",
        type=click.Choice(logs.FORMATS),
        help="Format of log lines: json for machines, text for people.",
    )
    log_level: str = flag(
        "--log-level",
        default="info",
        type=click.Choice(logs.LEVELS),
        help="Lowest level to log; libraries log warnings and errors only.",
    )
