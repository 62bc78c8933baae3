"""The state that all steps of a history share: the environment and the jobs so far."""

import time
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tests.histories.environment import Environment
from tests.histories.expected import ExpectedJob, OutsideActions

MOST_JOBS = 4

ANY = st.integers(0, 11)
"""An index into the existing jobs, batches or events, modulo their number."""

Spec = dict[str, Any]


def specs() -> st.SearchStrategy[Spec]:
    """Specs of jobs with inline requests. A TTL needs an output for the results."""
    return st.fixed_dictionaries(
        {
            "texts": st.sampled_from(
                [("Say one.",), ("Say one.", "[[fail]] two"), ("a", "b", "c")]
            ),
            "suspend": st.sampled_from([None, None, None, True]),
            "output": st.sampled_from([None, {}]),
            "backoffLimit": st.sampled_from([None, None, None, 1]),
            "activeDeadlineSeconds": st.sampled_from([None, None, None, 2]),
            "deletionPolicy": st.sampled_from([None, None, "Delete", "Orphan"]),
            "ttlSecondsAfterFinished": st.sampled_from([None, None, None, 0, 1]),
        }
    )


class HistoryStateMachine(RuleBasedStateMachine):
    """
    The base of the steps. It has no rules of its own.

    What may be drawn next depends on earlier steps only, never on what the processes did: a seed
    must always give the same steps.
    """

    environment: ClassVar[Environment]

    def __init__(self) -> None:
        super().__init__()
        self.number = self.environment.begin()
        self.jobs: list[ExpectedJob] = []
        self.replaced: list[ExpectedJob] = []
        self.actions = OutsideActions()
        self.lines: list[str] = []
        self.started = time.monotonic()

    def record(self, line: str) -> None:
        self.lines.append(f"{time.monotonic() - self.started:6.2f}  {line}")

    def job(self, which: int) -> ExpectedJob:
        return self.jobs[which % len(self.jobs)]

    def new_name(self) -> str:
        return f"h{self.number}-{len(self.jobs)}"

    def create_new(self, spec: Spec) -> None:
        texts, wanted = spec["texts"], {k: v for k, v in spec.items() if k != "texts"}
        job = ExpectedJob(self.new_name(), texts)
        job.record_edit(**wanted)
        if wanted["output"] is not None:
            job.record_edit(output={"configMap": {"name": job.name}})
        elif not job.orphan:
            job.record_edit(ttlSecondsAfterFinished=None)
        self.apply(job)
        self.jobs.append(job)

    def apply(self, job: ExpectedJob) -> bool:
        """Create the object. Return whether the API server accepted it."""
        body = self.environment.client.create(job.manifest())
        if body is not None:
            job.uid = body["metadata"]["uid"]
        return body is not None

    def change(self, job: ExpectedJob, **spec: object) -> None:
        """Edit the spec, of finished and deleted jobs too, and record it if the API server accepts it."""
        if self.environment.client.patch(job.name, spec=spec) is not None:
            job.record_edit(**spec)
