"""The receiver's options and limits."""

from dataclasses import dataclass

from yarl import URL

DEFAULT_JWKS_URL = "https://generativelanguage.googleapis.com/.well-known/jwks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The command's options.

    Raises:
        ValueError: the options do not fit together; the message is one line.
    """

    host: str
    port: int
    health_host: str
    metrics_port: int
    jwks_url: str
    allow_insecure_jwks: bool
    kubeconfig: str | None

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
    """From the end of the body to the response, with fetching keys and the write to the API server."""
    idle_seconds: float = 5.0
    """How long a connection may stay without a complete request head."""
    linger_seconds: float = 1.0
    """How long the rest of a refused request is read. Its sender sees no response otherwise."""
    in_flight: int = 256
    """Verified deliveries that are written at once. Others are asked to retry."""
    unverified: int = 512
    """Requests with a valid address and no verified signature yet: at most 32 MiB of bodies."""
    unverified_per_peer: int = 256
    """UnverifiedRequests requests of one IP address, which may be a load balancer's."""
    unverified_per_address: int = 16
    """UnverifiedRequests requests for one attempt of one job. Google sends few events for it."""
    drain_seconds: float = 15.0
    """How long the process waits at its end for the requests that it accepted."""
