import pytest

from gemini_operator.gemini.settings import GeminiSettings


def test_the_default_is_googles_address() -> None:
    settings = GeminiSettings()
    assert settings.origin == ("https", "generativelanguage.googleapis.com", 443)
    assert settings.path_prefix == ""


def test_a_path_in_the_base_url_is_kept_without_its_last_slash() -> None:
    settings = GeminiSettings(base_url="https://proxy.example/a%20b/gemini/")
    assert settings.path_prefix == "/a%20b/gemini"
    assert settings.origin == ("https", "proxy.example", 443)


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("http://127.0.0.1:8085", "--allow-insecure-gemini"),
        ("ftp://google.example", "must be like"),
        ("generativelanguage.googleapis.com", "must be like"),
        ("https://", "must be like"),
        ("https://user:word@google.example", "no user"),
        ("https://google.example/?key=x", "no user, query"),
        ("https://google.example/#x", "fragment"),
        ("https://google.example:port", "not a URL"),
    ],
)
def test_s21_a_base_url_that_would_leak_the_key_is_refused(base_url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GeminiSettings(base_url=base_url)


def test_s21_plain_http_needs_the_flag() -> None:
    settings = GeminiSettings(base_url="http://127.0.0.1:8085", allow_insecure=True)
    assert settings.origin == ("http", "127.0.0.1", 8085)


@pytest.mark.parametrize(
    "wrong",
    [
        {"create_timeout": 0.0},
        {"timeout": -1.0},
        {"results_timeout": float("nan")},
        {"results_limit": 0},
        {"list_page_size": 0},
        {"list_page_cap": -1},
        {"list_time_cap": 0.0},
    ],
)
def test_a_number_that_cannot_work_is_refused_by_its_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("_", "-")):
        GeminiSettings(**wrong)  # type: ignore[arg-type]
