"""The input of every policy: one job at one moment, and the result of reading its batch."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gemini_operator.api.conditions import find, with_condition
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.job import Job
from gemini_operator.controller.memory import Facts
from gemini_operator.gemini.errors import GeminiError
from gemini_operator.gemini.remote import Observation, Summary

MAX_PRIORITY = 2**63 - 1
"""The highest priority Google documents: any int64 (ai.google.dev/api/batch-api)."""


@dataclass(frozen=True)
class Rules:
    """The administrator's settings that policies use.

    Args:
        create_timeout: seconds after which a create is abandoned.
        submit_grace: seconds for which Google's list may miss a batch that was just created.
        max_priority: the highest priority a batch gets.
    """

    create_timeout: float
    submit_grace: float
    max_priority: int = MAX_PRIORITY


@dataclass(frozen=True)
class Snapshot:
    """One job at one moment.

    Args:
        job: the object, as last read or watched.
        facts: what this process remembers about the job.
        now: wall-clock time, for comparisons with times in the status.
        monotonic: monotonic seconds, for comparisons with times in `facts`.
        rules: the administrator's settings.
    """

    job: Job
    facts: Facts
    now: datetime
    monotonic: float
    rules: Rules

    @property
    def status(self) -> Status:
        return self.job.status

    def with_status(self, status: Status) -> "Snapshot":
        """Return the snapshot as it would be with `status`, which is not written yet."""
        return replace(self, job=replace(self.job, status=status))

    def waited_for(self, kind: str) -> float:
        """Return the seconds since the condition `kind` has its value; 0 without the condition."""
        said = find(self.status.conditions, kind)
        return (self.now - said.last_transition_time).total_seconds() if said else 0.0

    def revise(self, status: Status | None = None, **changes: Any) -> Status:
        """Return `status` (default: the job's) with `changes` and the current generation."""
        # Every status a policy writes acknowledges the generation that the policy has seen.
        base = self.status if status is None else status
        return base.model_copy(update={"observed_generation": self.job.generation, **changes})

    def condition(
        self, status: Status, kind: str, value: bool, reason: Reason, message: str | None = None
    ) -> Status:
        """Return `status` with one condition set."""
        conditions = with_condition(
            status.conditions,
            kind,
            value,
            reason,
            message,
            generation=self.job.generation,
            now=self.now,
        )
        return self.revise(status, conditions=tuple(conditions))


# The results of reading a batch.


@dataclass(frozen=True)
class Seen:
    """Google returned the batch."""

    observation: Observation

    @property
    def summary(self) -> Summary:
        return self.observation.summary


@dataclass(frozen=True)
class Gone:
    """Google returned 404.

    Args:
        same_key: the batch was read with the API key it was created with. With another key a 404
            proves nothing (S11).
    """

    same_key: bool


@dataclass(frozen=True)
class Unreadable:
    """Google refused the API key, or the batch is too large to be read."""

    error: GeminiError


@dataclass(frozen=True)
class Unanswered:
    """Google could not be reached, or answered with an error that says nothing about the batch."""

    error: GeminiError


Remote = Seen | Gone | Unreadable | Unanswered
