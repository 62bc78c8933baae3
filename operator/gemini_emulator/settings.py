"""The emulator's flags."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from gemini_emulator.addresses import Prefix, is_loopback
from gemini_emulator.schedule import RetrySchedule, Schedule
from gemini_emulator.signing import SignatureMode
from gemini_emulator.uploads import MAX_STORED_BYTES
from gemini_operator.base.flags import flag


def _prefixes(texts: Iterable[str]) -> tuple[Prefix, ...]:
    return tuple(Prefix.parse(text) for text in texts)


@dataclass(frozen=True, kw_only=True)
class EmulatorSettings:
    """Where the emulator listens and how it behaves.

    Raises:
        ValueError: values that contradict each other, in one line for a person.
    """

    host: str = flag("--host", default="127.0.0.1", help="Address to listen on.")
    port: int = flag(
        "--port",
        default=8085,
        type=click.IntRange(0, 65535),
        help="Port to listen on; 0 picks a free one.",
    )
    state_dir: Path | None = flag(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for batches, files, webhooks, keys and pending callbacks. Without it, the state is lost "
        "when the process ends.",
    )
    schedule: Schedule = flag(
        "--schedule",
        default="pending=1s,running=2s",
        parse=Schedule.parse,
        help="How long a batch stays in each state (ms, s, m, h).",
    )
    deliver_to: tuple[Prefix, ...] = flag(
        "--deliver-to",
        default=(),
        parse=_prefixes,
        multiple=True,
        metavar="PREFIX",
        help="Send callbacks only to addresses with this scheme, host and port, below this path. An "
        "empty port, as in http://127.0.0.1:, means any port. Without it, no callbacks are sent.",
    )
    signature: SignatureMode = flag(
        "--signature",
        default="v1a",
        type=click.Choice(["v1a", "jwt", "both"]),
        help="How callbacks to a batch's own addresses are signed: v1a is Ed25519, as observed from "
        "Google; jwt is RS256, as Google documents. Registered webhooks have secrets of their own.",
    )
    token_audience: str | None = flag(
        "--token-audience",
        default=None,
        help="Audience (aud) of the tokens that --signature=jwt makes; by default the address that is "
        "called.",
    )
    retry_schedule: RetrySchedule = flag(
        "--retry-schedule",
        default="first=5s,max=1h,for=24h",
        parse=RetrySchedule.parse,
        help="Delay after the first failed callback; it doubles up to max, and retries end after "
        "for (ms, s, m, h).",
    )
    max_open_batches: int = flag(
        "--max-open-batches",
        default=100,
        type=click.IntRange(1),
        help="Maximum number of unfinished batches per project; a further one is answered with 429.",
    )
    max_stored_bytes: int = flag(
        "--max-stored-bytes",
        default=MAX_STORED_BYTES,
        type=click.IntRange(1),
        help="Maximum bytes of the uploaded files of a project; what exceeds it is answered with 429.",
    )
    control_token: str | None = flag(
        "--control-token",
        show_default=False,
        help="Bearer token for the routes under /emulator/. Required if --host is not loopback.",
    )

    def __post_init__(self) -> None:
        if self.control_token is None and not is_loopback(self.host):
            raise ValueError(
                f"--host {self.host} is not a loopback address: set --control-token, which "
                "protects the routes under /emulator/"
            )
