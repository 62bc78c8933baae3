from pathlib import Path
from typing import Any

import pytest

from gemini_operator.controller.settings import ControllerSettings
from gemini_operator.gemini.settings import GeminiSettings


def settings(*, create_timeout: float = 25.0, **changed: Any) -> ControllerSettings:
    known: dict[str, Any] = {
        "gemini": GeminiSettings(create_timeout=create_timeout),
        "public_url": "https://receiver.example",
        "callback_keys_dir": Path("keys"),
        "callback_signing_key": "key-1",
    }
    return ControllerSettings(**(known | changed))


@pytest.mark.parametrize(("timeout", "grace"), [(25.0, 60.0), (30.0, 60.0), (0.1, 0.2)])
def test_p08_a_create_timeout_of_at_most_half_the_grace_is_fine(
    timeout: float, grace: float
) -> None:
    assert settings(create_timeout=timeout, submit_grace=grace).submit_grace == grace


@pytest.mark.parametrize(("timeout", "grace"), [(30.1, 60.0), (60.0, 60.0), (25.0, 10.0)])
def test_p08_a_longer_one_is_refused(timeout: float, grace: float) -> None:
    with pytest.raises(ValueError, match="--submit-grace") as refused:
        settings(create_timeout=timeout, submit_grace=grace)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("missing", "flag"),
    [
        ("callback_keys_dir", "--callback-keys-dir"),
        ("callback_signing_key", "--callback-signing-key"),
    ],
)
def test_a_public_url_needs_keys_to_make_addresses_with(missing: str, flag: str) -> None:
    without: dict[str, Any] = {missing: None}
    with pytest.raises(ValueError, match=flag):
        settings(**without)


@pytest.mark.parametrize(
    ("public_url", "interval", "seconds"),
    [
        ("https://receiver.example", 900.0, 900.0),
        (None, 900.0, 60.0),
        (None, 5.0, 5.0),
    ],
)
def test_p20_without_callbacks_the_sweep_comes_every_minute(
    public_url: str | None, interval: float, seconds: float
) -> None:
    chosen = settings(public_url=public_url, sweep_interval=interval)
    assert chosen.sweep_seconds == seconds


@pytest.mark.parametrize(
    "url", ["https://receiver.example", "http://127.0.0.1:8080", "https://r.example/base/"]
)
def test_a_public_url_may_have_a_port_and_a_path(url: str) -> None:
    assert settings(public_url=url).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.example",
        "//receiver.example",
        "ftp://receiver.example",
        "https://",
        "https://r.example:port",
        "https://[r.example",
        "https://user@r.example",
        "https://r.example/?a=b",
        "https://r.example/#a",
    ],
)
def test_a_public_url_that_google_would_refuse_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="--public-url"):
        settings(public_url=url)
