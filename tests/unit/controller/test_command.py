from typing import Any

import pytest
from click.testing import CliRunner

from gemini_operator.controller.command import _settings, controller
from gemini_operator.controller.lifecycle.snapshot import MAX_PRIORITY
from gemini_operator.telemetry import logs

REQUIRED: dict[str, Any] = {
    "gemini_base_url": "https://generativelanguage.googleapis.com",
    "allow_insecure_gemini": False,
    "trust_proxy_environment": False,
    "public_url": None,
    "callback_keys_dir": None,
    "callback_signing_key": None,
    "default_api_key_secret": ("gemini-api-key", "api-key"),
    "namespaces": "",
    "workers": 64,
    "max_priority": MAX_PRIORITY,
    "max_open_batches_per_key": 100,
    "create_timeout": 25.0,
    "submit_grace": 60.0,
    "sweep_interval": 900.0,
    "credentials_ttl": 60.0,
    "relist_interval": 600.0,
    "leader_elect": False,
    "lease_name": "gemini-operator",
    "lease_namespace": None,
    "lease_duration": 15,
    "lease_renew_deadline": 10.0,
    "lease_retry_period": 2.0,
    "kubeconfig": None,
    "health_host": "0.0.0.0",
    "metrics_port": 8081,
}


def test_the_defaults_work_together() -> None:
    """Every option that the settings need has one, and no other is left over."""
    with controller.make_context("controller", []) as context:
        options = dict(context.params)
    assert (options.pop("log_format"), options.pop("log_level")) == ("json", "info")
    assert options == REQUIRED
    settings = _settings(options)
    assert (settings.namespaces, settings.sweep_seconds) == ((), 60.0)
    assert settings.gemini.create_timeout == 25.0


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
    assert _settings({**REQUIRED, "namespaces": text}).namespaces == namespaces


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"create_timeout": 31.0}, "--create-timeout"),
        ({"lease_duration": 10}, "--lease-duration"),
        ({"lease_retry_period": 10.0}, "--lease-retry-period"),
        ({"gemini_base_url": "http://127.0.0.1:8085"}, "--allow-insecure-gemini"),
        ({"public_url": "https://receiver.example"}, "--callback-keys-dir"),
    ],
)
def test_options_that_contradict_each_other_are_refused_in_one_line(
    options: dict[str, Any], flag: str
) -> None:
    with pytest.raises(ValueError, match=flag) as refused:
        _settings({**REQUIRED, **options})
    assert "\n" not in str(refused.value)


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


def test_every_option_can_be_given_in_the_environment() -> None:
    environment = {
        "GEMINI_OPERATOR_DEFAULT_API_KEY_SECRET": "mine/token",
        "GEMINI_OPERATOR_SUBMIT_GRACE": "120",
        "GEMINI_OPERATOR_WORKERS": "3",
    }
    with CliRunner(env=environment).isolation(env=environment):
        context = controller.make_context("controller", [], auto_envvar_prefix="GEMINI_OPERATOR")
    assert context.params["default_api_key_secret"] == ("mine", "token")
    assert (context.params["submit_grace"], context.params["workers"]) == (120.0, 3)


def test_the_log_options_are_those_that_the_logs_know() -> None:
    choices = {
        option.name: tuple(option.to_info_dict()["type"]["choices"])
        for option in controller.params
        if option.name in ("log_format", "log_level")
    }
    assert choices == {"log_format": logs.FORMATS, "log_level": logs.LEVELS}
