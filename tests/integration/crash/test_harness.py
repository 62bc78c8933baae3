"""The harness itself: what it would say if a job were lost, or paid twice."""

from pathlib import Path

import pytest

from benchmarks.crash.acts import applied, ends, failed, submitted
from benchmarks.crash.journal import Moment, Step
from benchmarks.crash.killing import KillStage
from benchmarks.crash.lives import Life
from benchmarks.crash.rows import Row, play, undisturbed
from benchmarks.crash.runs import twice
from benchmarks.crash.scene import Scene
from benchmarks.crash.stage import Void
from local.control_plane import ControlPlane


def forgotten(scene: Scene) -> None:
    """All that speaks of the attempt is lost, as without a write-ahead: a second batch is paid."""
    operator = scene.stage.operator
    operator.patch_status(scene.name, [{"op": "replace", "path": "/status", "value": {}}])
    scene.wait("a second batch", lambda: len(scene.kept()) == 2)


FORGOTTEN = Life("forgotten", (applied(), submitted, forgotten))
WRONG_END = Life("wrong end", (applied(), submitted, ends("fail"), failed("Cancelled")))


@pytest.fixture
def stage(control_plane: ControlPlane, tmp_path: Path) -> KillStage:
    return KillStage(control_plane, tmp_path / "stage")


def test_a_second_batch_is_counted(stage: KillStage) -> None:
    with stage:
        verdict = play(stage, Row("test", FORGOTTEN, Step("event Submitted", 1), Moment.ANSWERED))
    assert verdict.duplicates == 1
    assert not verdict.good


def test_a_life_that_does_not_end_as_it_says_is_lost(stage: KillStage) -> None:
    with stage:
        row = Row("test", WRONG_END, Step("status end", 1), Moment.SENT)
        verdict = play(stage, row, patience=10.0)
    assert "Failed Cancelled" in verdict.problem
    assert (verdict.duplicates, verdict.good) == (0, False)


def test_a_step_that_is_never_reached_is_no_success(stage: KillStage) -> None:
    life = Life("short", (applied(), submitted))
    with stage, pytest.raises(Void, match=r"batches\.cancel, sent was not reached"):
        play(stage, Row("test", life, Step("batches.cancel", 1), Moment.SENT))


def test_the_steps_of_a_life_are_those_of_its_own_acts(stage: KillStage) -> None:
    with stage:
        life = Life("end", (ends("fail"), failed("RemoteFailed", 1)), before=(applied(), submitted))
        steps = undisturbed(stage, life)
    assert [str(step) for step in steps] == ["batches.get", "status end", "event RemoteFailed"]


def test_a_step_that_only_a_slow_run_has_is_none_of_the_life() -> None:
    create, read, again = Step("create", 1), Step("get", 1), Step("get", 2)
    looks = iter([(create, read, again), (create, read), (create, read)])
    assert twice(lambda: next(looks)) == (create, read)
    assert next(looks, None) is None
