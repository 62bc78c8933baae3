"""What the runner reads in the output of libFuzzer."""

from pathlib import Path

from tests.fuzz.run import Run

STATE = (
    "#28723\tREDUCE cov: 60 ft: 208 corp: 41/601b lim: 184 exec/s: 5744 rss: 65Mb L: 36/54 MS: 2"
)
CRASH = "artifact_prefix='b/'; Test unit written to build/fuzz/jwks/crashes/timeout-0badc0de"


def test_the_state_of_a_run_is_read_from_its_last_line() -> None:
    run = Run("jwks", status=0)
    run.read("INFO: Loaded 1 modules")
    run.read(STATE.replace("28723", "1"))
    run.read(STATE)

    assert run == Run("jwks", 28723, 5744, 41, 208, status=0)
    assert run.good
    assert run.result == "ok"


def test_a_crash_fails_the_run_whatever_its_status() -> None:
    run = Run("jwks", status=0)
    run.read(CRASH)

    assert not run.good
    assert run.result == "timeout"
    assert run.crash == Path("build/fuzz/jwks/crashes/timeout-0badc0de")


def test_a_run_that_ends_without_a_file_has_failed() -> None:
    assert Run("jwks", status=142).result == "failed"
