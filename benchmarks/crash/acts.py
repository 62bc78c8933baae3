"""What a user and Google do to a job, and what must come of it whatever is killed meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks.crash.scene import TEXTS, Scene
from tests.waiting import eventually

Act = Callable[[Scene], None]


def applied(**spec: Any) -> Act:
    """`kubectl apply`; `spec` is more than the usual."""
    return lambda scene: scene.apply(**spec)


def patched(**spec: Any) -> Act:
    """The user changes the spec."""
    return lambda scene: scene.patch(**spec)


def submitted(scene: Scene) -> None:
    """The job has its batch, and there is no other."""
    scene.wait_condition("Submitted")
    _one_kept(scene)


def submitted_or_killed(scene: Scene) -> None:
    """As far as it comes: who was killed is not started again yet."""

    def so_far() -> bool:
        return scene.stage.roads.sprung or scene.condition("Submitted").get("status") == "True"

    eventually(so_far, timeout=scene.patience, what=f"{scene.name}: submitted or killed")


def ends(action: str) -> Act:
    """Google ends the batch: succeed, fail, expire or cancel."""

    def act(scene: Scene) -> None:
        scene.stage.google.job(scene.status()["batchName"], action)

    return act


def completed(scene: Scene) -> None:
    """Complete, with the right results of the only batch there is."""
    scene.wait_condition("Complete")
    status = scene.status()
    assert (status["state"], scene.condition("Failed")) == ("Succeeded", {}), f"status {status}"
    lines = scene.delivered()
    assert [line["key"] for line in lines] == list(TEXTS), f"results {lines}"
    assert status["output"]["records"] == len(lines), f"status {status}"
    said = {line["response"]["candidates"][0]["content"]["parts"][0]["text"] for line in lines}
    assert len(said) == len(lines), f"results {lines}"
    _one_kept(scene)


def failed(reason: str, failures: int = 0) -> Act:
    """Failed for that reason, after so many ends that Google caused, and nothing is kept."""

    def act(scene: Scene) -> None:
        scene.wait_condition("Failed", reason)
        status = scene.status()
        assert scene.condition("Complete") == {}, f"status {status}"
        assert status.get("failures", 0) == failures, f"status {status}"
        assert scene.kept() == [], f"batches {scene.batches()}"

    return act


def older_than(seconds: float) -> Act:
    """So much time has passed since the first attempt."""

    def act(scene: Scene) -> None:
        start = datetime.fromisoformat(scene.status()["startTime"])
        scene.wait("time", lambda: (datetime.now(UTC) - start).total_seconds() > seconds)

    return act


def suspended(scene: Scene) -> None:
    """Suspended, and nothing runs."""
    scene.wait_condition("Suspended", "Suspended")
    assert scene.kept() == [], f"batches {scene.batches()}"


def waits_for_another_try(scene: Scene) -> None:
    """The failure is counted once, and the batch is on record."""
    scene.wait("a retry", lambda: scene.condition("Submitted").get("reason") == "Retrying")
    status = scene.status()
    assert status["failures"] == 1, f"status {status}"
    assert [a["reason"] for a in status["supersededAttempts"]] == ["RemoteFailed"], (
        f"status {status}"
    )


def adopting(scene: Scene) -> None:
    """A job takes over a batch that somebody else has submitted, and that has ended."""
    batch = scene.submit_by_hand()
    scene.stage.google.job(batch, "succeed")
    scene.apply_adopting(batch)


def deleted(scene: Scene) -> None:
    """`kubectl delete`: the object goes, and nothing is left at Google."""
    scene.delete()
    gone(scene)


def gone(scene: Scene) -> None:
    """No object, nothing at Google."""
    scene.wait("the end of the object", lambda: not scene.exists())
    scene.wait("nothing at Google", lambda: not scene.batches())


def _one_kept(scene: Scene) -> None:
    name = scene.status()["batchName"]
    assert scene.kept() == [name], f"{name} and {scene.batches()}"


def receiver_started(scene: Scene) -> None:
    """A new receiver process: it fetches Google's keys before anybody asks."""
    receiver = scene.stage.operator.receiver
    receiver.kill()
    logged = len(receiver.text())
    scene.stage.start_receiver()
    scene.wait("the keys", lambda: "verification keys fetched" in receiver.text()[logged:])


def keys_rotated(scene: Scene) -> None:
    """Google signs with a new key, so the next callback makes the receiver fetch the keys again."""
    scene.stage.google.control("POST", "keys/rotate")
