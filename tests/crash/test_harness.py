"""The harness itself: what it would say if a job were lost, or paid twice."""

from pathlib import Path

import pytest

from local.control_plane import ControlPlane
from tests.crash.cases import Case, play, undisturbed
from tests.crash.environment import Void
from tests.crash.job import JobUnderTest
from tests.crash.journal import Moment, NthCall
from tests.crash.killing import KillEnvironment
from tests.crash.runs import twice
from tests.crash.scenarios import Scenario
from tests.crash.steps import applied, ends, failed, submitted


def forgotten(job: JobUnderTest) -> None:
    """All that speaks of the attempt is lost, as without a write-ahead: a second batch is paid."""
    operator = job.environment.operator
    operator.patch_status(job.name, [{"op": "replace", "path": "/status", "value": {}}])
    job.wait("a second batch", lambda: len(job.kept()) == 2)


FORGOTTEN = Scenario("forgotten", (applied(), submitted, forgotten))
WRONG_END = Scenario("wrong end", (applied(), submitted, ends("fail"), failed("Cancelled")))


@pytest.fixture
def environment(control_plane: ControlPlane, tmp_path: Path) -> KillEnvironment:
    return KillEnvironment(control_plane, tmp_path / "environment")


def test_a_second_batch_is_counted(environment: KillEnvironment) -> None:
    with environment:
        result = play(
            environment, Case("test", FORGOTTEN, NthCall("event Submitted", 1), Moment.ANSWERED)
        )
    assert result.duplicates == 1
    assert not result.good


def test_a_life_that_does_not_end_as_it_says_is_lost(environment: KillEnvironment) -> None:
    with environment:
        case = Case("test", WRONG_END, NthCall("status end", 1), Moment.SENT)
        result = play(environment, case, patience=10.0)
    assert "Failed Cancelled" in result.problem
    assert (result.duplicates, result.good) == (0, False)


def test_a_step_that_is_never_reached_is_no_success(environment: KillEnvironment) -> None:
    scenario = Scenario("short", (applied(), submitted))
    with environment, pytest.raises(Void, match=r"batches\.cancel, sent was not reached"):
        play(environment, Case("test", scenario, NthCall("batches.cancel", 1), Moment.SENT))


def test_the_steps_of_a_life_are_those_of_its_own_acts(environment: KillEnvironment) -> None:
    with environment:
        scenario = Scenario(
            "end", (ends("fail"), failed("RemoteFailed", 1)), before=(applied(), submitted)
        )
        calls = undisturbed(environment, scenario)
    assert [str(nth_call) for nth_call in calls] == [
        "batches.get",
        "status end",
        "event RemoteFailed",
    ]


def test_a_step_that_only_a_slow_run_has_is_none_of_the_life() -> None:
    create, read, again = NthCall("create", 1), NthCall("get", 1), NthCall("get", 2)
    looks = iter([(create, read, again), (create, read), (create, read)])
    assert twice(lambda: next(looks)) == (create, read)
    assert next(looks, None) is None
