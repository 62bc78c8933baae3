import pytest

from gemini_emulator.addresses import Prefix, allowed_url, is_loopback

LOOPBACK = "http://127.0.0.1:"


def allowed(uri: str, *prefixes: str) -> bool:
    return allowed_url(uri, tuple(map(Prefix.parse, prefixes))) is not None


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        ("http://127.0.0.1:8080/a/b?c=d", LOOPBACK),
        ("http://127.0.0.1/", LOOPBACK),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("https://example.test/x", "https://example.test"),
        ("https://example.test:443/x", "https://example.test"),
        ("https://EXAMPLE.test/x", "https://example.test/"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1"),
        ("https://example.test/v1/callbacks/x", "https://example.test/v1/callbacks"),
        ("https://example.test/v1/callbacks", "https://example.test/v1/callbacks"),
    ],
)
def test_s24_an_address_below_a_prefix_is_allowed(uri: str, prefix: str) -> None:
    assert allowed(uri, "https://other.test", prefix)


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        ("https://127.0.0.1:8080/", LOOPBACK),
        ("http://127.0.0.11:8080/", LOOPBACK),
        ("http://localhost:8080/", LOOPBACK),
        ("http://127.0.0.1:8080/", "http://127.0.0.1"),
        ("http://127.0.0.1:80800/", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080@example.test/", "http://127.0.0.1:8080"),
        ("http://user@127.0.0.1:8080/", LOOPBACK),
        ("http://:word@127.0.0.1:8080/", LOOPBACK),
        ("http://127.0.0.1.example.test/", LOOPBACK),
        ("https://example.test/v1/callbacks-of-others", "https://example.test/v1/callbacks"),
        ("https://example.test/v1/callbacks/../admin", "https://example.test/v1/callbacks"),
        ("https://example.test/v1/callbacks/%2e%2e/admin", "https://example.test/v1/callbacks"),
        ("https://example.test/V1/callbacks", "https://example.test/v1/callbacks"),
        ("file:///etc/passwd", LOOPBACK),
        ("http://", LOOPBACK),
        ("http://127.0.0.1:x/", LOOPBACK),
        ("", LOOPBACK),
    ],
)
def test_s24_every_other_address_is_refused(uri: str, prefix: str) -> None:
    assert not allowed(uri, prefix)


def test_s24_without_a_prefix_nothing_is_allowed() -> None:
    assert not allowed("http://127.0.0.1:8080/")


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1:80", "ftp://h", "http://", "http://u@h", "http://h?x", "http://h/ x"]
)
def test_a_prefix_that_is_no_address_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        Prefix.parse(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "", "127.1"])
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)
