"""The settings of calls to Google."""

from dataclasses import dataclass

import click
import httpx2

from gemini_operator.base.flags import flag

DEFAULT_BASE_URL = "https://generativelanguage.googleapis.com"


@dataclass(frozen=True, kw_only=True)
class GeminiSettings:
    """The settings of calls to Google; times in seconds, limits in bytes after decompression.

    Raises:
        ValueError: values that cannot work; the message is one line for the administrator.
    """

    base_url: str = flag(
        "--gemini-base-url", default=DEFAULT_BASE_URL, help="Root URL of the Gemini API."
    )
    allow_insecure: bool = flag(
        "--allow-insecure-gemini",
        default=False,
        is_flag=True,
        help="Allow a --gemini-base-url with plain http (local emulator).",
    )
    trust_env: bool = flag(
        "--trust-proxy-environment",
        default=False,
        is_flag=True,
        help="Use HTTPS_PROXY and NO_PROXY for requests to Google.",
    )
    """Certificate files in the environment's SSL_CERT_FILE and SSL_CERT_DIR are used too."""
    create_timeout: float = flag(
        "--create-timeout",
        default=25.0,
        type=click.FloatRange(0.1),
        metavar="SECONDS",
        help="Seconds to wait for Google's answer to a create request; at most half of --submit-grace.",
    )
    """From the call of `submit` to Google's answer, connecting included."""
    timeout: float = 30.0
    """For every other call, from its start to the end of its answer."""
    results_timeout: float = 1800.0
    """For a read whose answer may have results; each piece of it has `timeout`."""
    results_limit: int = 8 * 2**30
    """For a read whose answer may have results; Google sends inline results twice in one answer."""
    results_in_memory: int = 4 * 2**20
    """An answer with results that is larger is read without keeping them."""
    upload_timeout: float = 120.0
    """For one chunk of an upload, of at most 8 MiB."""
    list_page_size: int = 100
    list_page_cap: int = 50
    """Pages of one list; one that needs more is incomplete."""
    list_time_cap: float = 60.0
    """Duration of one list; one that needs more is incomplete."""

    def __post_init__(self) -> None:
        _check_url(self.base_url, allow_insecure=self.allow_insecure)
        for name, value in vars(self).items():
            if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
                raise ValueError(f"--{name.replace('_', '-')} is {value}; it must be above zero")

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port that every request must have (S21)."""
        return origin(httpx2.URL(self.base_url))

    @property
    def path_prefix(self) -> str:
        """The base URL's path, without a slash at the end."""
        return httpx2.URL(self.base_url).raw_path.decode("ascii").rstrip("/")


def origin(url: httpx2.URL) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL; the port is the scheme's default if it has none."""
    default = 443 if url.scheme == "https" else 80
    return url.scheme, url.raw_host.decode("ascii"), url.port or default


def _check_url(base_url: str, *, allow_insecure: bool) -> None:
    """Check that the base URL is complete, encrypted, and without other credentials.

    Raises:
        ValueError: it is not; the message is one line for the administrator.
    """
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise ValueError(f"the Gemini base URL is not a URL: {error}") from None
    if url.scheme not in ("https", "http") or not url.host:
        raise ValueError(f"the Gemini base URL must be like {DEFAULT_BASE_URL}")
    if url.scheme == "http" and not allow_insecure:
        raise ValueError(
            "the Gemini base URL is plain http, which exposes API keys on the network; "
            "use https, or --allow-insecure-gemini for a local emulator"
        )
    if url.userinfo or url.query or url.fragment:
        raise ValueError("the Gemini base URL must have no user, query or fragment; leave them out")
