"""`gemini-operator controller`."""

import asyncio
import os
import sys
from pathlib import Path

import click

from gemini_operator.controller.job import DEFAULT_API_KEY
from gemini_operator.controller.leadership_settings import ElectionSettings
from gemini_operator.controller.lifecycle.snapshot import MAX_PRIORITY
from gemini_operator.controller.process import Controller
from gemini_operator.controller.settings import ControllerSettings
from gemini_operator.gemini import environment
from gemini_operator.gemini.settings import DEFAULT_BASE_URL, GeminiSettings
from gemini_operator.kube import connection
from gemini_operator.telemetry import core_dumps, logs, options


def _secret_ref(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, str]:
    name, slash, key = value.partition("/")
    if not (name and slash and key) or "/" in key:
        raise click.BadParameter(f"{value!r} is not NAME/KEY, such as gemini-api-key/api-key")
    return name, key


@click.command(context_settings=options.CONTEXT)
@click.option("--gemini-base-url", default=DEFAULT_BASE_URL, help="Root URL of the Gemini API.")
@click.option(
    "--allow-insecure-gemini", is_flag=True, help="Allow a plain http base URL (local emulator)."
)
@click.option(
    "--trust-proxy-environment", is_flag=True, help="Use HTTPS_PROXY and NO_PROXY for Gemini."
)
@click.option(
    "--public-url",
    help="The receiver's URL as Google sees it. Without it jobs are created without a webhook "
    "and the sweep, then at least every minute, finds their ends.",
)
@click.option(
    "--callback-keys-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of callback keys: files of 64 hexadecimal characters.",
)
@click.option(
    "--callback-signing-key", help="The file in that directory whose key signs new addresses."
)
@click.option(
    "--default-api-key-secret",
    default="/".join(DEFAULT_API_KEY),
    callback=_secret_ref,
    metavar="NAME/KEY",
    help="Secret, in the job's namespace, for jobs without apiKeySecretRef.",
)
@click.option(
    "--namespaces",
    default="",
    show_default="all",
    help="Namespaces to watch, comma separated.",
)
@click.option(
    "--workers",
    default=64,
    type=click.IntRange(1, 256),
    help="Jobs worked on at a time; of one API key, or of one namespace, an eighth of them.",
)
@click.option(
    "--max-open-batches-per-key",
    default=100,
    type=click.IntRange(1),
    help="Batches open at Google with one API key; further jobs wait, fair between namespaces.",
)
@click.option(
    "--max-priority",
    default=MAX_PRIORITY,
    type=click.IntRange(-MAX_PRIORITY - 1, MAX_PRIORITY),
    show_default="any, as Google documents",
    help="The highest priority that a batch gets, whatever its job asks for.",
)
@click.option(
    "--create-timeout",
    default=25.0,
    type=click.FloatRange(0.1),
    help="Seconds to wait for Google's answer to a create; at most half of --submit-grace.",
)
@click.option(
    "--submit-grace",
    default=60.0,
    type=click.FloatRange(0.2),
    help="Seconds for which a batch may be missing from Google's list after an unclear create.",
)
@click.option(
    "--sweep-interval",
    default=900.0,
    type=click.FloatRange(0.1),
    help="Seconds between two looks at all batches of an API key.",
)
@click.option(
    "--credentials-ttl",
    default=60.0,
    type=click.FloatRange(0.1, 60.0),
    help="Seconds for which a Secret's value is kept before it is read again.",
)
@click.option(
    "--relist-interval",
    default=600.0,
    type=click.FloatRange(1.0),
    help="Seconds between two comparisons of the watch with a list.",
)
@click.option(
    "--leader-elect",
    is_flag=True,
    help="Let several controllers run: one works, the others stand by. Every one needs it.",
)
@click.option("--lease-name", default="gemini-operator", help="The Lease that the leader holds.")
@click.option(
    "--lease-namespace",
    show_default="the process's own",
    help="The namespace of the Lease.",
)
@click.option(
    "--lease-duration",
    default=15,
    type=click.IntRange(1),
    help="Seconds without a renewal after which another controller takes over.",
)
@click.option(
    "--lease-renew-deadline",
    default=10.0,
    type=click.FloatRange(0.1),
    help="Seconds without a renewal after which the leader ends; below --lease-duration.",
)
@click.option(
    "--lease-retry-period",
    default=2.0,
    type=click.FloatRange(0.05),
    help="Seconds between two renewals; below --lease-renew-deadline.",
)
@options.process_options
def controller(log_format: str, log_level: str, **given: object) -> None:
    """Submit GeminiBatchJobs to Google, follow them, deliver their results."""
    logs.configure(log_format, log_level)
    environment.scrub(os.environ)
    core_dumps.disable()
    sys.exit(asyncio.run(_run(given)))


def _settings(given: dict[str, object]) -> ControllerSettings:
    gemini = GeminiSettings(
        base_url=given.pop("gemini_base_url"),  # type: ignore[arg-type]
        create_timeout=given.pop("create_timeout"),  # type: ignore[arg-type]
        allow_insecure=given.pop("allow_insecure_gemini"),  # type: ignore[arg-type]
        trust_env=given.pop("trust_proxy_environment"),  # type: ignore[arg-type]
    )
    election = ElectionSettings(
        enabled=given.pop("leader_elect"),  # type: ignore[arg-type]
        name=given.pop("lease_name"),  # type: ignore[arg-type]
        namespace=given.pop("lease_namespace"),  # type: ignore[arg-type]
        duration=given.pop("lease_duration"),  # type: ignore[arg-type]
        renew_deadline=given.pop("lease_renew_deadline"),  # type: ignore[arg-type]
        retry_period=given.pop("lease_retry_period"),  # type: ignore[arg-type]
    )
    listed = str(given.pop("namespaces")).split(",")
    namespaces = tuple(name.strip() for name in listed if name.strip())
    return ControllerSettings(gemini=gemini, election=election, namespaces=namespaces, **given)  # type: ignore[arg-type]


async def _run(given: dict[str, object]) -> int:
    try:
        settings = _settings(given)
        process = Controller(settings, await connection.load(settings.kubeconfig))
        await process.start()
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    return await process.run()
