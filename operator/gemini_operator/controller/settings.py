"""What the administrator decides about the controller."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gemini_operator.controller.leadership_settings import ElectionSettings
from gemini_operator.gemini.settings import GeminiSettings


@dataclass(frozen=True)
class ControllerSettings:
    """
    The controller's configuration; times in seconds.

    Raises:
        ValueError: values that contradict each other, in one line for a person.
    """

    gemini: GeminiSettings
    election: ElectionSettings
    public_url: str | None
    callback_keys_dir: Path | None
    callback_signing_key: str | None
    default_api_key_secret: tuple[str, str]
    namespaces: tuple[str, ...]
    workers: int
    max_open_batches_per_key: int
    max_priority: int
    submit_grace: float
    sweep_interval: float
    credentials_ttl: float
    relist_interval: float
    kubeconfig: str | None
    health_host: str
    metrics_port: int

    def __post_init__(self) -> None:
        if self.gemini.create_timeout * 2 > self.submit_grace:
            raise ValueError(
                f"--create-timeout {self.gemini.create_timeout:g} is more than half of --submit-grace "
                f"{self.submit_grace:g}: a create that is still on its way could be taken for "
                "lost; raise the grace or lower the timeout"
            )
        if self.public_url is not None:
            _check_public_url(self.public_url)
        if self.public_url is not None and self.callback_keys_dir is None:
            raise ValueError(
                "--public-url needs --callback-keys-dir: without keys no callback address can be "
                "made; give the directory that the receiver uses too"
            )
        if self.public_url is not None and self.callback_signing_key is None:
            raise ValueError(
                "--public-url needs --callback-signing-key: name the file in --callback-keys-dir "
                "that signs new addresses"
            )

    @property
    def sweep_seconds(self) -> float:
        """How often a key's batches are listed: often when no callback will come (rule P20)."""
        return self.sweep_interval if self.public_url else min(self.sweep_interval, 60.0)


def _check_public_url(url: str) -> None:
    """Google refuses every batch whose webhook is no URL, so a typing error must not get there."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"--public-url {url!r} is not a URL: {error}") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError(f"--public-url {url!r} must be like https://receiver.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("--public-url must have no user, query or fragment: leave them out")
