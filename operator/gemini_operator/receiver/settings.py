"""How a receiver is configured."""

from dataclasses import dataclass
from pathlib import Path

import click
from yarl import URL

from gemini_operator.base.flags import flag
from gemini_operator.telemetry.options import ProcessSettings

DEFAULT_JWKS_URL = "https://generativelanguage.googleapis.com/.well-known/jwks.json"


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """The receiver's flags. Raises ValueError with one line for a combination that is refused."""

    host: str = flag("--host", default="0.0.0.0", help="Address to listen on for callbacks.")
    port: int = flag(
        "--port",
        default=8080,
        type=click.IntRange(0, 65535),
        help="Port for callbacks; 0 takes a free one.",
    )
    callback_keys_dir: Path = flag(
        "--callback-keys-dir",
        required=True,
        type=click.Path(path_type=Path),
        help="Directory of callback keys: files of 64 hexadecimal characters, all of which are "
        "accepted. Changes are noticed without a restart.",
    )
    jwks_url: str = flag(
        "--jwks-url",
        default=DEFAULT_JWKS_URL,
        help="https URL of the keys that Google signs with.",
    )
    allow_insecure_jwks: bool = flag(
        "--allow-insecure-jwks",
        default=False,
        is_flag=True,
        help="Allow a plain http --jwks-url (local emulator).",
    )

    def __post_init__(self) -> None:
        schemes = ("https", "http") if self.allow_insecure_jwks else ("https",)
        try:
            url = URL(self.jwks_url)
        except ValueError:
            url = URL()
        if url.scheme not in schemes or not url.host or url.user or url.password:
            allowed = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"--jwks-url must start with {allowed} and name a host and no user")
