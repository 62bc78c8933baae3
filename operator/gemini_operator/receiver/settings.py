"""The receiver's options and limits."""

from dataclasses import dataclass
from pathlib import Path

import click
from yarl import URL

from gemini_operator.base.flags import flag
from gemini_operator.base.options import ProcessSettings
from gemini_operator.receiver.signatures.rs256 import TokenPolicy

DEFAULT_JWKS_URL = "https://generativelanguage.googleapis.com/.well-known/jwks.json"


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """The receiver's flags.

    Raises:
        ValueError: the flags do not fit together; the message is one line.
    """

    host: str = flag("--host", default="0.0.0.0", help="Address to listen on for callbacks.")
    port: int = flag(
        "--port",
        default=8080,
        type=click.IntRange(0, 65535),
        help="Port for callbacks; 0 picks a free one.",
    )
    callback_keys_dir: Path = flag(
        "--callback-keys-dir",
        required=True,
        type=click.Path(path_type=Path),
        help="Directory of callback keys: files with 64 hexadecimal characters each. All of them are "
        "accepted, and changes are picked up without a restart.",
    )
    static_secrets_dir: Path | None = flag(
        "--static-secrets-dir",
        default=None,
        type=click.Path(path_type=Path),
        help="Directory of the signing secrets of static webhooks: <namespace>/<name>/ has one file "
        "for each secret (whsec_…). Without it no static webhooks are served. Secrets are picked up "
        "without a restart, further webhooks are not.",
    )
    jwks_url: str = flag(
        "--jwks-url",
        default=DEFAULT_JWKS_URL,
        help="https URL of Google's public keys, which verify callbacks.",
    )
    allow_insecure_jwks: bool = flag(
        "--allow-insecure-jwks",
        default=False,
        is_flag=True,
        help="Allow a --jwks-url with plain http (local emulator).",
    )

    jwt_issuer: str | None = flag(
        "--jwt-issuer",
        default=None,
        help="Issuer (iss) that the RS256 token of a callback must name.",
    )
    jwt_audience: str | None = flag(
        "--jwt-audience",
        default=None,
        help="Audience (aud) that the RS256 token of a callback must name. With keys of another host "
        "than Google's, tokens are accepted only if --jwt-issuer and --jwt-audience are both set.",
    )

    @property
    def tokens(self) -> TokenPolicy | None:
        """What RS256 tokens have to fulfil; None if none are accepted.

        Other services sign tokens with the keys of other hosts, for other purposes (S15).
        """
        own_keys = URL(self.jwks_url).host == URL(DEFAULT_JWKS_URL).host
        if own_keys or (self.jwt_issuer and self.jwt_audience):
            return TokenPolicy(self.jwt_issuer, self.jwt_audience)
        return None

    def __post_init__(self) -> None:
        schemes = ("https", "http") if self.allow_insecure_jwks else ("https",)
        try:
            url = URL(self.jwks_url)
        except ValueError:
            url = URL()
        if url.scheme not in schemes or not url.host or url.user or url.password:
            allowed = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"--jwks-url must start with {allowed} and name a host and no user")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may use, and all of them. Sizes are in bytes, times in seconds."""

    body_bytes: int = 64 * 1024
    """Google's events are usually below 20 kB."""
    body_seconds: float = 5.0
    """From the head of a request to the end of its body."""
    response_seconds: float = 5.0
    """From the end of the body to the response, with a fetch of keys and the write of the event."""
    idle_seconds: float = 5.0
    """How long a connection may stay without a complete request head."""
    linger_seconds: float = 1.0
    """How long the rest of a refused request is read. Its sender sees no response otherwise."""
    in_flight: int = 256
    """Verified deliveries that are written at once. Others are asked to retry."""
    unverified: int = 512
    """Requests with a valid address and no verified signature yet: at most 32 MiB of bodies."""
    unverified_per_peer: int = 256
    """Unverified requests of one IP address, which may be a load balancer's."""
    unverified_per_address: int = 16
    """Unverified requests for one attempt of one job. Google sends few events for it."""
    drain_seconds: float = 15.0
    """How long the process waits at its end for the requests that it accepted."""
