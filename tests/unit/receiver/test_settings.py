from pathlib import Path

import pytest

from gemini_operator.receiver.settings import DEFAULT_JWKS_URL, Settings
from gemini_operator.receiver.signatures.rs256 import TokenPolicy


def settings(jwks_url: str, *, insecure: bool = False) -> Settings:
    return Settings(callback_keys_dir=Path("keys"), jwks_url=jwks_url, allow_insecure_jwks=insecure)


@pytest.mark.parametrize("url", [DEFAULT_JWKS_URL, "https://keys.example.com:8443/jwks.json"])
def test_an_https_url_is_accepted(url: str) -> None:
    assert settings(url).jwks_url == url


@pytest.mark.row(129)
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


def test_s15_googles_own_keys_sign_tokens_for_anybody_unless_told() -> None:
    assert settings(DEFAULT_JWKS_URL).tokens == TokenPolicy()
    assert settings(DEFAULT_JWKS_URL + "?v=2").tokens == TokenPolicy()


@pytest.mark.parametrize(
    ("issuer", "audience", "accepted"),
    [
        (None, None, False),
        ("i", None, False),
        (None, "a", False),
        ("i", "a", True),
        ("", "", False),
    ],
)
def test_s15_keys_of_another_host_need_an_issuer_and_an_audience(
    issuer: str | None, audience: str | None, accepted: bool
) -> None:
    """They may sign other things than callbacks."""
    for url in (
        "https://www.googleapis.com/oauth2/v3/certs",
        "https://generativelanguage.googleapis.com.example.com/",
        "https://example.com/generativelanguage.googleapis.com",
    ):
        found = Settings(
            callback_keys_dir=Path("keys"), jwks_url=url, jwt_issuer=issuer, jwt_audience=audience
        )
        assert found.tokens == (TokenPolicy(issuer, audience) if accepted else None)
