"""How a receiver is configured."""

from dataclasses import dataclass

from yarl import URL

DEFAULT_JWKS_URL = "https://generativelanguage.googleapis.com/.well-known/jwks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The command's options. Raises ValueError with one line for a combination that is refused."""

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
