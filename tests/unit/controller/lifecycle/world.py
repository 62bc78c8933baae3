"""
A job, its Google and its time, as the protocol sees them: what a pass decides is carried out here.

Google's side is what the policies cannot know: which creates happened, when a batch shows up in the
list, when it ends. Whoever plays chooses the next step; the rules must hold for every choice.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from gemini_operator.api import conditions
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Attempt, OutputStatus, Status
from gemini_operator.controller.facts import Facts, Refusal
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import (
    completion,
    observation,
    policies,
    submission,
)
from gemini_operator.controller.lifecycle.view import (
    Decision,
    Deliver,
    Dispose,
    Gone,
    Hold,
    Name,
    Release,
    Remote,
    Search,
    Seen,
    Submit,
    View,
    Wait,
    Write,
)
from gemini_operator.controller.listing import Index
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Listing, Summary
from tests.unit.controller.builders import (
    FINGERPRINT,
    MONOTONIC,
    NOW,
    RULES,
    TO_CONFIG_MAP,
    UID,
    a_batch,
    a_job,
    an_event,
    an_observation,
)

Answer = Literal["batch", "no answer", "lost", "429", "bad key", "rejected", "not sent"]
"""What becomes of a create: `no answer` was executed, `lost` was not; nobody can tell them apart."""

REFUSALS: dict[str, errors.GeminiError] = {
    "429": errors.Throttled("slow down"),
    "bad key": errors.CredentialsRejected("API key not valid"),
    "rejected": errors.Rejected("no such model"),
    "not sent": errors.NotSent("too late"),
}


@dataclass
class Batch:
    """A batch at Google, listed from `visible` (monotonic seconds) on until it is deleted."""

    name: str
    attempt: str
    created: datetime
    visible: float
    state: str = "BATCH_STATE_RUNNING"
    deleted: bool = False

    def summary(self) -> Summary:
        return a_batch(self.name, self.state, attempt=self.attempt, created=self.created)


@dataclass
class World:
    """Everything about one job; `status` is what the API server stores."""

    output: bool = False
    status: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    held: bool = False
    deleting: bool = False
    released: bool = False
    passed: float = 0.0
    creates: int = 0
    history: list[Status] = field(default_factory=list)
    facts: Facts = field(default_factory=lambda: Facts(UID))

    # Time and trouble

    def advance(self, seconds: float) -> None:
        self.passed += seconds

    def restart(self) -> None:
        """Another process takes over: what was only remembered is gone."""
        self.facts = Facts(UID)

    def end(self, state: str) -> None:
        """Google ends every batch that still runs."""
        for batch in self.batches:
            if batch.state == "BATCH_STATE_RUNNING":
                batch.state = state

    def call_back(self, number: int) -> None:
        """The receiver records an event, under the conditions that its patch tests."""
        attempt = self.status.get("attempt")
        mine = [b for b in self.batches if attempt and b.attempt == attempt["id"]]
        if mine and not self.deleting and "completionTime" not in self.status:
            event = an_event(f"event-{number}", attempt=mine[0].attempt, remoteName=mine[0].name)
            self.status["lastEvent"] = event

    def show(self, *, complete: bool = True) -> None:
        """A listing of the job's key, begun and ended now, as the lister tells it."""
        shown = [b for b in self.batches if b.visible <= self.monotonic and not b.deleted]
        listing = Listing(tuple(batch.summary() for batch in shown), complete)
        job, attempt = self.job(), self.status.get("attempt")
        self.view()
        sighting = Index(listing).sighting(job, self.monotonic)
        self.facts.note_sighting(sighting, bool(attempt and attempt.get("batchName")))
        self.facts.note_listed(self.monotonic)

    # A pass

    def run(self, answer: Answer = "batch", hidden: float = 0.0) -> Decision:
        """
        One pass.

        Args:
            answer: what becomes of a create, if the pass sends one.
            hidden: seconds for which a batch it creates is missing from the list.
        """
        view = self.view()
        name = observation.wanted(view)
        remote = self._read(view, name) if name else None
        decision = policies.decide(view, remote)
        self._carry_out(view, decision, answer, hidden)
        return decision

    @property
    def monotonic(self) -> float:
        return MONOTONIC + self.passed

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def job(self) -> Job:
        return a_job(
            spec={"output": TO_CONFIG_MAP} if self.output else {},
            status=self.status,
            held=self.held,
            deleting=self.deleting,
            annotations=self.annotations,
        )

    def view(self) -> View:
        """As the reconciler makes it."""
        job = self.job()
        attempt = job.status.attempt
        if self.deleting and self.facts.deleting_since is None:
            self.facts.deleting_since = self.monotonic
        if attempt is None or attempt.batch_name is not None:
            self.facts.search = None
        else:
            self.facts.begin_search(
                attempt,
                now=self.now,
                monotonic=self.monotonic,
                timeout=RULES.create_timeout,
                grace=RULES.submit_grace,
            )
        return View(job, self.facts, self.now, self.monotonic, RULES)

    def alive(self) -> list[Batch]:
        """What may still cost money, or did: every batch that nobody has deleted."""
        return [batch for batch in self.batches if not batch.deleted]

    def is_true(self, kind: str) -> bool:
        return conditions.is_true(Status.model_validate(self.status).conditions, kind)

    def _read(self, view: View, name: str) -> Remote:
        batch = next((b for b in self.alive() if b.name == name), None)
        event = observation.pending_event(view)
        if event is not None:
            self.facts.note_event_read(event.id, self.monotonic)
        self.facts.absent = 0
        if batch is None:
            self.facts.not_ours |= {name}
            return Gone(same_key=True)
        self.facts.note_read(batch.summary())
        return Seen(
            an_observation(
                batch.state, name=name, attempt=batch.attempt, created=batch.created, results=[]
            )
        )

    def _carry_out(self, view: View, decision: Decision, answer: Answer, hidden: float) -> None:
        match decision:
            case Wait() | Search():
                pass
            case Write(status):
                self._write(status)
            case Hold():
                self.held = True
            case Submit(number):
                self._submit(view, number, answer, hidden)
            case Name(summary):
                self._write(submission.named(view, summary))
            case Deliver(seen):
                output = OutputStatus(config_map="results", bytes=1, records=0)
                self._write(completion.delivered(view, seen, output).status)
            case Dispose(names, then):
                self._delete(names)
                self.released = then is None
                if then is not None:
                    self._write(then.status)
            case Release():
                self.released = True

    def _delete(self, names: tuple[str, ...]) -> None:
        for batch in self.batches:
            batch.deleted = batch.deleted or batch.name in names

    def _submit(self, view: View, number: int, answer: Answer, hidden: float) -> None:
        self.creates += 1
        attempt = Attempt(
            id=f"{self.creates:016x}",
            number=number,
            start_time=self.now,
            api_key_fingerprint=FINGERPRINT,
        )
        self._write(submission.written_ahead(view, attempt))
        if answer in ("batch", "no answer"):
            name = f"batches/{self.creates}"
            self.batches.append(Batch(name, attempt.id, self.now, self.monotonic + hidden))
        if answer == "batch":
            self._write(submission.named(self.view(), self.batches[-1].summary()))
        if answer in REFUSALS:
            self.facts.refusal = Refusal(attempt.id, REFUSALS[answer], 5.0)

    def _write(self, status: Status) -> None:
        event = self.status.get("lastEvent")
        self.status = status.dump() | ({"lastEvent": event} if event else {})
        self.history.append(Status.model_validate(self.status))


def stalled_as(world: World, reason: Reason) -> bool:
    condition = conditions.find(Status.model_validate(world.status).conditions, conditions.STALLED)
    return condition is not None and condition.reason == reason
