import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gemini_operator.base import logs, sanitize

API_KEY = "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"
ADDRESS = (
    "https://receiver.example/v1/callbacks/geminibatchjobs/team-a/job/"
    "0b5f8a5e-5a0e-4a52-8c56-0d5c2b9a7f01/0123456789abcdef/a58dedcb5645f323736511d06489ef47"
)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging is global: give it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    structlog.reset_defaults()


def fail(message: str) -> None:
    raise ValueError(message)


def fail_with_a_local_secret() -> None:
    secret_in_a_local = "correct-horse-battery-staple"  # noqa: F841 - must not be printed
    raise RuntimeError("no answer")


def test_a_line_is_one_json_object_with_the_fields_as_members(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("json", "info")
    logs.get_logger("gemini_operator.test").info("a job has ended", name="job", count=3)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "a job has ended",
        "logger": "gemini_operator.test",
        "level": "info",
        "name": "job",
        "count": 3,
    }


@pytest.mark.parametrize("log_format", logs.FORMATS)
def test_records_of_the_standard_library_have_the_same_form(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(log_format, "info")
    logging.getLogger("somewhere").warning("%s of %s", 1, 2)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "1 of 2" in line
    assert "somewhere" in line


@pytest.mark.parametrize("log_format", logs.FORMATS)
@pytest.mark.parametrize("secret", [API_KEY, ADDRESS])
def test_s23_no_secret_gets_into_a_line_wherever_it_comes_from(
    log_format: str, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(log_format, "debug")
    ours, foreign = logs.get_logger("ours"), logging.getLogger("foreign")
    ours.info(f"an event with {secret}")
    ours.info("a field", value=secret, nested={"deep": [secret]})
    foreign.error("an argument: %s", secret)
    try:
        fail(secret)
    except ValueError:
        ours.exception("an exception of ours")
        foreign.exception("a foreign exception")
    printed = capsys.readouterr().err
    assert printed.count(sanitize.MASK) >= 6
    assert secret not in printed
    assert secret.rpartition("/")[2] not in printed


@pytest.mark.parametrize("log_format", logs.FORMATS)
@pytest.mark.parametrize("logger", [logs.get_logger("ours"), logging.getLogger("foreign")])
def test_s23_a_traceback_shows_no_local_variables(
    log_format: str, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(log_format, "debug")
    try:
        fail_with_a_local_secret()
    except RuntimeError:
        logger.exception("a pass failed")
    printed = capsys.readouterr().err
    assert "RuntimeError" in printed
    assert "fail_with_a_local_secret" in printed
    assert "battery" not in printed


@pytest.mark.parametrize("name", logs.QUIET)
def test_s23_libraries_that_print_bodies_never_go_below_warning(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json", "debug")
    for child in (name, f"{name}.child"):
        logging.getLogger(child).debug("a body")
        logging.getLogger(child).info("a header")
        logging.getLogger(child).warning("trouble")
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["trouble", "trouble"]


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_holds_for_ours_and_for_libraries(
    level: str, heard: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json", level)
    for logger in (logs.get_logger("ours"), logging.getLogger("foreign")):
        for name in logs.LEVELS:
            getattr(logger, name)(name)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == [*heard, *heard]
    assert [line["level"] for line in lines] == [*heard, *heard]


def test_a_quiet_library_is_as_quiet_as_everybody_at_level_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("json", "error")
    logging.getLogger("kopf").warning("trouble")
    assert capsys.readouterr().err == ""


def test_configuring_again_does_not_print_twice(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "info")
    logs.configure("json", "info")
    logs.get_logger("ours").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("log_format", logs.FORMATS)
def test_what_a_stranger_wrote_cannot_begin_a_line_of_its_own(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(log_format, "info")
    logs.get_logger("ours").info("an answer", error='x\n{"event": "forged"}\r\n')
    assert len(capsys.readouterr().err.splitlines()) == 1
