"""Google's side of a story: which creates happened, what is listed, what obeys a cancel, and when."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Listing, Observation, Summary
from tests.unit.controller.builders import a_batch, an_observation

Answer = Literal["batch", "no answer", "lost", "429", "bad key", "rejected", "not sent", "full"]
"""
What becomes of a create.

`no answer` was executed and `lost` was not; nobody can tell them apart. `full` is the quota's answer.
"""

Project = Literal["good", "other"]
"""The project of an API key: a key sees the batches of its own project only."""

REFUSALS: dict[str, errors.GeminiError] = {
    "429": errors.Throttled("slow down"),
    "bad key": errors.CredentialsRejected("API key not valid"),
    "rejected": errors.Rejected("no such model"),
    "not sent": errors.NotSent("too late"),
}

RUNNING = "BATCH_STATE_RUNNING"
CANCELLED = "BATCH_STATE_CANCELLED"
SUCCEEDED = "BATCH_STATE_SUCCEEDED"
NEVER = float("inf")


@dataclass(frozen=True)
class Luck:
    """
    How Google treats the next create.

    Args:
        answer: what becomes of it.
        hidden: seconds for which its batch is missing from the list.
        deaf: cancels of the batch that have no effect.
        slow: seconds from a cancel that has, to that effect.
    """

    answer: Answer = "batch"
    hidden: float = 0.0
    deaf: float = 0
    slow: float = 0.0


@dataclass
class Batch:
    """A batch at Google; times are monotonic seconds."""

    name: str
    attempt: str | None
    created: datetime
    visible: float = 0.0
    project: Project = "good"
    luck: Luck = Luck()
    state: str = RUNNING
    deleted: bool = False
    cancels: list[float] = field(default_factory=list)
    dies: float = NEVER

    @property
    def open(self) -> bool:
        """Whether it may still cost money."""
        return self.state == RUNNING and not self.deleted

    def summary(self) -> Summary:
        return a_batch(self.name, self.state, attempt=self.attempt, created=self.created)


@dataclass
class Google:
    """
    The batches of two projects; each has one key.

    Args:
        crowd: how many were open at once, at most.
        complete: whether listings are.
        listings: how many there were.
    """

    batches: list[Batch] = field(default_factory=list)
    crowd: int = 0
    complete: bool = True
    listings: int = 0

    def pass_to(self, monotonic: float) -> None:
        """Cancels take effect as time passes."""
        for batch in self.batches:
            if batch.dies <= monotonic and batch.state == RUNNING:
                batch.state = CANCELLED

    def create(
        self, attempt: str, now: datetime, monotonic: float, luck: Luck, project: Project = "good"
    ) -> Batch:
        name = f"batches/{len(self.batches) + 1}"
        batch = Batch(name, attempt, now, monotonic + luck.hidden, project, luck)
        self.batches.append(batch)
        self.crowd = max(self.crowd, len(self.open()))
        return batch

    def cancel(self, name: str, monotonic: float) -> None:
        batch = self.find(name)
        if batch is None or batch.state != RUNNING:
            return
        batch.cancels.append(monotonic)
        if len(batch.cancels) > batch.luck.deaf:
            batch.dies = min(batch.dies, monotonic + batch.luck.slow)
            self.pass_to(monotonic)

    def delete(self, name: str) -> None:
        batch = self.find(name)
        if batch is not None:
            batch.deleted = True

    def end(self, state: str) -> None:
        """Every batch that still runs ends."""
        for batch in self.batches:
            if batch.state == RUNNING:
                batch.state = state

    def find(self, name: str | None) -> Batch | None:
        return next((batch for batch in self.there() if batch.name == name), None)

    def there(self) -> list[Batch]:
        return [batch for batch in self.batches if not batch.deleted]

    def open(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.open]

    def listing(self, monotonic: float, project: Project) -> Listing:
        self.listings += 1
        mine = (batch for batch in self.there() if batch.project == project)
        shown = tuple(batch.summary() for batch in mine if batch.visible <= monotonic)
        return Listing(shown, self.complete)


def observed(batch: Batch) -> Observation:
    """What a read of the batch answers: with a result once it has succeeded."""
    succeeded = batch.state == SUCCEEDED
    results = [{"metadata": {"key": "a"}, "response": {}}] if succeeded else None
    return an_observation(
        batch.state,
        name=batch.name,
        attempt=batch.attempt,
        created=batch.created,
        results=results,
    )
