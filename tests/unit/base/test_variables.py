from importlib import import_module

import pytest

from gemini_operator.base import variables
from gemini_operator.cli import COMMANDS


def test_the_flags_are_those_of_all_commands() -> None:
    processes = [name for name in COMMANDS if name != "crds"]
    commands = [getattr(import_module(COMMANDS[name]), name) for name in processes]
    flags = {option.opts[0] for command in commands for option in command.params}
    assert {f"--{name}" for name in variables.FLAGS} == flags


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GEMINI_OPERATOR_WORKER", "GEMINI_OPERATOR_WORKERS"),
        ("GEMINI_OPERATOR_METRIC_PORT", "GEMINI_OPERATOR_METRICS_PORT"),
        ("GEMINI_OPERATOR_BASE_URL", "GEMINI_OPERATOR_GEMINI_BASE_URL"),
    ],
)
def test_a_misspelt_variable_is_named_without_its_value(name: str, meant: str) -> None:
    (line,) = variables.unknown({name: "some-value"})
    assert line.startswith(f"the variable {name} ")
    assert line.endswith(f"did you mean {meant}?")
    assert "some-value" not in line


def test_a_variable_like_no_other_is_named_alone() -> None:
    (line,) = variables.unknown({"GEMINI_OPERATOR_COLOUR": "red"})
    assert line == "the variable GEMINI_OPERATOR_COLOUR sets no flag and is ignored"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GEMINI_OPERATOR_WORKERS", "3"),
        ("GEMINI_OPERATOR_CACHE", "/somewhere"),
        ("GEMINI_OPERATOR_RECEIVER_PORT", "tcp://10.0.0.1:8080"),
        ("GEMINI_OPERATOR_RECEIVER_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("GEMINI_OPERATOR_RECEIVER_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("GEMINI_OPERATOR_RECEIVER_PORT_8080_TCP_PORT", "8080"),
        ("GEMINI_OPERATOR_RECEIVER_SERVICE_HOST", "10.0.0.1"),
        ("GEMINI_OPERATOR_RECEIVER_SERVICE_PORT", "8080"),
        ("GEMINI_OPERATOR_RECEIVER_SERVICE_PORT_HTTP", "8080"),
        ("GEMINI_API_KEY", "secret"),
    ],
)
def test_variables_of_flags_of_services_and_of_others_are_no_mistake(name: str, value: str) -> None:
    assert list(variables.unknown({name: value})) == []
