import click
import pytest
from click.testing import CliRunner

from gemini_operator.base import flags
from gemini_operator.controller.command import controller
from gemini_operator.controller.settings import ControllerSettings


def parsed(*arguments: str) -> ControllerSettings:
    with controller.make_context("controller", list(arguments)) as context:
        return flags.build(ControllerSettings, context.params)


def test_the_defaults_of_the_flags_are_those_of_the_settings() -> None:
    assert parsed() == ControllerSettings()


def test_the_defaults_work_together() -> None:
    settings = parsed()
    assert (settings.namespaces, settings.sweep_seconds) == ((), 60.0)
    assert settings.default_api_key_secret == ("gemini-api-key", "api-key")
    assert (settings.gemini.create_timeout, settings.election.enabled) == (25.0, False)


@pytest.mark.parametrize(
    ("text", "namespaces"),
    [
        ("", ()),
        ("team-a", ("team-a",)),
        ("team-a,team-b", ("team-a", "team-b")),
        (" team-a , team-b ,", ("team-a", "team-b")),
    ],
)
def test_namespaces_are_separated_by_commas(text: str, namespaces: tuple[str, ...]) -> None:
    assert parsed("--namespaces", text).namespaces == namespaces


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (("--create-timeout", "31"), "--create-timeout"),
        (("--lease-duration", "10"), "--lease-duration"),
        (("--lease-retry-period", "10"), "--lease-retry-period"),
        (("--gemini-base-url", "http://127.0.0.1:8085"), "--allow-insecure-gemini"),
        (("--public-url", "https://receiver.example"), "--callback-keys-dir"),
    ],
)
def test_flags_that_contradict_each_other_are_refused_in_one_line(
    arguments: tuple[str, ...], flag: str
) -> None:
    with pytest.raises(click.UsageError, match=flag) as refused:
        parsed(*arguments)
    assert "\n" not in refused.value.format_message()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--default-api-key-secret", "gemini-api-key"),
        ("--default-api-key-secret", "/key"),
        ("--default-api-key-secret", "name/"),
        ("--default-api-key-secret", "a/b/c"),
        ("--workers", "0"),
        ("--metrics-port", "65536"),
        ("--credentials-ttl", "61"),
        ("--callback-keys-dir", "/does/not/exist"),
        ("--log-format", "xml"),
        ("--log-level", "trace"),
        ("--no-such-option",),
    ],
    ids=" ".join,
)
def test_an_option_that_cannot_work_exits_2_before_anything_starts(
    arguments: tuple[str, ...],
) -> None:
    result = CliRunner().invoke(controller, arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


def test_every_option_can_be_given_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_OPERATOR_DEFAULT_API_KEY_SECRET", "mine/token")
    monkeypatch.setenv("GEMINI_OPERATOR_SUBMIT_GRACE", "120")
    monkeypatch.setenv("GEMINI_OPERATOR_WORKERS", "3")
    settings = parsed()
    assert settings.default_api_key_secret == ("mine", "token")
    assert (settings.submit_grace, settings.workers) == (120.0, 3)
