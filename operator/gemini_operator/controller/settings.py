"""The flags of the controller."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import click

from gemini_operator.base.flags import flag
from gemini_operator.base.options import ProcessSettings
from gemini_operator.controller.job import DEFAULT_API_KEY
from gemini_operator.controller.leadership_settings import ElectionSettings
from gemini_operator.controller.lifecycle.snapshot import MAX_PRIORITY
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.payload.objects.settings import ObjectStoreSettings


def _secret_ref(text: str) -> tuple[str, str]:
    name, slash, key = text.partition("/")
    if not (name and slash and key) or "/" in key:
        raise click.BadParameter(f"{text!r} is not NAME/KEY, such as gemini-api-key/api-key")
    return name, key


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True, kw_only=True)
class ControllerSettings(ProcessSettings):
    """The controller's flags; times in seconds.

    Raises:
        ValueError: flags contradict each other; the message is one line for the administrator.
    """

    gemini: GeminiSettings = field(default_factory=GeminiSettings)
    objects: ObjectStoreSettings = field(default_factory=ObjectStoreSettings)
    public_url: str | None = flag(
        "--public-url",
        help="The receiver's URL as Google sees it. Without it, batches are created without a "
        "webhook, and the sweep finds their ends; it then runs at least every 60 seconds.",
    )
    callback_keys_dir: Path | None = flag(
        "--callback-keys-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Directory of callback keys: files with 64 hexadecimal characters each.",
    )
    callback_signing_key: str | None = flag(
        "--callback-signing-key",
        help="Name of the file in --callback-keys-dir whose key signs new callback addresses.",
    )
    default_api_key_secret: tuple[str, str] = flag(
        "--default-api-key-secret",
        default="/".join(DEFAULT_API_KEY),
        parse=_secret_ref,
        metavar="NAME/KEY",
        help="Secret and key that hold the API key for jobs without apiKeySecretRef, in the namespace "
        "of the job.",
    )
    namespaces: tuple[str, ...] = flag(
        "--namespaces",
        default="",
        parse=_names,
        show_default="all",
        help="Namespaces to watch, separated by commas.",
    )
    workers: int = flag(
        "--workers",
        default=64,
        type=click.IntRange(1, 256),
        help="Jobs reconciled at the same time. At most an eighth of them may call Google with the same "
        "API key, or for the same namespace.",
    )
    max_open_batches_per_key: int = flag(
        "--max-open-batches-per-key",
        default=100,
        type=click.IntRange(1),
        help="Maximum number of open batches per API key. Further jobs wait; the namespace with the "
        "fewest open batches goes first.",
    )
    max_reads_per_second_per_key: int = flag(
        "--max-reads-per-second-per-key",
        default=200,
        type=click.IntRange(1),
        help="Maximum number of batches read per second with one API key. The rate is halved when "
        "Google answers 429, and then rises slowly again.",
    )
    max_priority: int = flag(
        "--max-priority",
        default=MAX_PRIORITY,
        type=click.IntRange(-MAX_PRIORITY - 1, MAX_PRIORITY),
        show_default="any, as Google documents",
        help="Maximum priority of a batch; a higher spec.priority is lowered to it.",
    )
    submit_grace: float = flag(
        "--submit-grace",
        default=60.0,
        type=click.FloatRange(0.2),
        metavar="SECONDS",
        help="Seconds for which a new batch may be missing from Google's list, after a create whose "
        "outcome is unknown.",
    )
    sweep_interval: float = flag(
        "--sweep-interval",
        default=900.0,
        type=click.FloatRange(0.1),
        metavar="SECONDS",
        help="Seconds between two sweeps, which list all batches of each API key.",
    )
    credentials_ttl: float = flag(
        "--credentials-ttl",
        default=60.0,
        type=click.FloatRange(0.1, 60.0),
        metavar="SECONDS",
        help="Seconds for which the value of a Secret is cached.",
    )
    relist_interval: float = flag(
        "--relist-interval",
        default=600.0,
        type=click.FloatRange(1.0),
        metavar="SECONDS",
        help="Seconds between two lists of all jobs, which find what the watch missed.",
    )
    election: ElectionSettings = field(default_factory=ElectionSettings)

    def __post_init__(self) -> None:
        # The search proves that there is no batch by a list after the grace. A create that outlives
        # the grace would make that proof wrong (P8).
        if self.gemini.create_timeout * 2 > self.submit_grace:
            raise ValueError(
                f"--create-timeout {self.gemini.create_timeout:g} is more than half of --submit-grace "
                f"{self.submit_grace:g}: a create request that is still on its way could be "
                "considered lost; raise the grace or lower the timeout"
            )
        if self.public_url is not None:
            _check_public_url(self.public_url)
        if self.public_url is not None and self.callback_keys_dir is None:
            raise ValueError(
                "--public-url needs --callback-keys-dir: without keys no callback address can be "
                "signed; name the directory that the receiver uses too"
            )
        if self.public_url is not None and self.callback_signing_key is None:
            raise ValueError(
                "--public-url needs --callback-signing-key: name the file in --callback-keys-dir "
                "that signs new addresses"
            )

    @property
    def sweep_seconds(self) -> float:
        """Seconds between two sweeps: at most a minute without callbacks (P20)."""
        return self.sweep_interval if self.public_url else min(self.sweep_interval, 60.0)


def _check_public_url(url: str) -> None:
    """Check the receiver's URL.

    Google refuses every batch whose webhook is not a URL, so a mistake would fail every job.

    Raises:
        ValueError: the URL cannot be used; the message says why.
    """
    try:
        parts = urlsplit(url)
        # `urlsplit` checks the port only when it is read.
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"--public-url {url!r} is not a URL: {error}") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError(f"--public-url {url!r} must be like https://receiver.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("--public-url must have no user, query or fragment: leave them out")
