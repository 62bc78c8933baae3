from pathlib import Path

import pytest

from gemini_operator.receiver.settings import DEFAULT_JWKS_URL, Settings


def settings(jwks_url: str, *, insecure: bool = False) -> Settings:
    return Settings(callback_keys_dir=Path("keys"), jwks_url=jwks_url, allow_insecure_jwks=insecure)


@pytest.mark.parametrize("url", [DEFAULT_JWKS_URL, "https://keys.example.com:8443/jwks.json"])
def test_an_https_url_is_accepted(url: str) -> None:
    assert settings(url).jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example.com/",
        "file:///etc/passwd",
        "ftp://keys.example.com",
        "keys.example.com",
        "https://",
        "https:///jwks.json",
        "https://user:secret@keys.example.com/",
        "https://keys.example.com:port/",
        "",
    ],
)
def test_s21_any_other_url_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(ValueError, match="--jwks-url must start with https://") as refused:
        settings(url)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_s21_plain_http_needs_a_flag() -> None:
    assert settings("http://127.0.0.1:8085/jwks.json", insecure=True) is not None
    with pytest.raises(ValueError, match="--jwks-url"):
        settings("file:///etc/passwd", insecure=True)
