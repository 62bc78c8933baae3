"""One job in an environment: what may be done to it and seen of it. Every wait restarts what was killed."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from tests.crash.environment import Environment
from tests.operator_process import generate, inline_job, job
from tests.waiting import eventually

T = TypeVar("T")

PATIENCE = 40.0
"""Many times what a scenario needs from one step to the next."""

TEXTS = {"one": "Say one.", "two": "Say two.", "three": "Say three."}
OVER = ("BATCH_STATE_CANCELLED", "BATCH_STATE_FAILED", "BATCH_STATE_EXPIRED")


class JobUnderTest:
    """
    The job `name`.

    Args:
        patience: seconds in which it has to come from one step to the next.
    """

    def __init__(self, environment: Environment, name: str, *, patience: float = PATIENCE) -> None:
        self.environment = environment
        self.name = name
        self.patience = patience
        self._creates_before = environment.google.requests("batches.create")

    @property
    def creates(self) -> int:
        """How many creates Google has carried out since the job began."""
        return self.environment.google.requests("batches.create") - self._creates_before

    def wait(self, what: str, ask: Callable[[], T]) -> T:
        """The first truthy answer of `ask`; AssertionError when patience ends."""

        def tended() -> T:
            self.environment.tend()
            return ask()

        return eventually(tended, timeout=self.patience, what=f"{self.name}: {what}")

    def wait_condition(self, kind: str, reason: str = "") -> None:
        def holds() -> bool:
            condition = self.condition(kind)
            return bool(
                condition.get("status") == "True" and condition["reason"].startswith(reason)
            )

        self.wait(f"{kind} {reason}", holds)

    def apply(self, **spec: Any) -> None:
        """`kubectl apply` of a job with three requests, whose results go to a ConfigMap."""
        self.apply_manifest(inline_job(self.name, TEXTS, output=self._output, **spec))

    def apply_adopting(self, batch: str) -> None:
        """`kubectl apply` of a job that takes over a batch."""
        manifest = job(self.name, {}, output=self._output, deletionPolicy="Delete")
        del manifest["spec"]["input"]
        manifest["spec"]["adopt"] = {"batchName": batch}
        self.apply_manifest(manifest)

    def patch(self, **spec: Any) -> None:
        """`kubectl patch` of the spec."""
        patch = json.dumps({"spec": spec})
        self.environment.operator.kubectl("patch", "gbj", self.name, "--type=merge", "-p", patch)

    def delete(self) -> None:
        """`kubectl delete --wait=false`."""
        self.environment.plane.api.request("DELETE", self.environment.operator.path(name=self.name))

    def exists(self) -> bool:
        return self.environment.operator.exists(self.name)

    def status(self) -> Any:
        return self.environment.operator.status(self.name)

    def condition(self, kind: str) -> Any:
        return self.environment.operator.condition(self.name, kind)

    def batches(self) -> list[Any]:
        """The job's batches that are at Google, in whatever state."""
        return self.environment.operator.batches_of(self.name)

    def kept(self) -> list[str]:
        """The names of those that run or have results: the ones to be paid."""
        return [batch["name"] for batch in self.batches() if batch["state"] not in OVER]

    def delivered(self) -> list[Any]:
        return self.environment.operator.results(self.name)

    def reported_duplicates(self) -> int:
        """How many batches the status says were cancelled because there was another one."""
        if not self.exists():
            return 0
        attempts = self.status().get("supersededAttempts") or ()
        return sum(attempt.get("reason") == "DuplicateCancelled" for attempt in attempts)

    def submit_by_hand(self) -> str:
        """A batch that somebody else has submitted; answers with its name."""
        requests = [
            {"request": generate(text), "metadata": {"key": key}} for key, text in TEXTS.items()
        ]
        name = f"{self.environment.namespace}/{self.name} [by hand]"
        return self.environment.google.create_batch(name, requests)

    @property
    def _output(self) -> dict[str, Any]:
        return {"configMap": {"name": self.name}}

    def apply_manifest(self, manifest: dict[str, Any]) -> None:
        """`kubectl apply` of a whole job."""
        self.environment.plane.api.request("POST", self.environment.operator.path(), manifest)
