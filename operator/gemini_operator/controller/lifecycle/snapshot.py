"""What a policy decides on: one job at one moment, and what reading its batch gave."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gemini_operator.api.conditions import with_condition
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.job import Job
from gemini_operator.controller.memory import Facts
from gemini_operator.gemini.errors import GeminiError
from gemini_operator.gemini.remote import Observation, Summary

MAX_PRIORITY = 2**63 - 1
"""The highest that Google documents: any int64 (ai.google.dev/api/batch-api)."""


@dataclass(frozen=True)
class Rules:
    """What the administrator has decided and policies go by; times in seconds."""

    create_timeout: float
    submit_grace: float
    max_priority: int = MAX_PRIORITY


@dataclass(frozen=True)
class Snapshot:
    """One job at one moment."""

    job: Job
    facts: Facts
    now: datetime
    monotonic: float
    rules: Rules

    @property
    def status(self) -> Status:
        return self.job.status

    def revise(self, status: Status | None = None, **changes: Any) -> Status:
        """The status with `changes`, speaking of the current generation."""
        base = self.status if status is None else status
        return base.model_copy(update={"observed_generation": self.job.generation, **changes})

    def condition(
        self, status: Status, kind: str, value: bool, reason: Reason, message: str | None = None
    ) -> Status:
        """`status` with one condition set."""
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


# What reading the batch gave.


@dataclass(frozen=True)
class Seen:
    """The batch as Google shows it."""

    observation: Observation

    @property
    def summary(self) -> Summary:
        return self.observation.summary


@dataclass(frozen=True)
class Gone:
    """Google knows no batch of that name; `same_key` tells whether we asked with the right key."""

    same_key: bool


@dataclass(frozen=True)
class Unreadable:
    """Google refused or could not answer."""

    error: GeminiError


Remote = Seen | Gone | Unreadable
