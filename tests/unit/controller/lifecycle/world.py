"""
A job, its Google and its time, as the protocol sees them: what a pass decides is carried out here.

Whoever plays chooses what happens next; the rules must hold for every choice. Passes run when
somebody has asked for one, as the queue has it, so a job that nothing wakes sleeps here too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from gemini_operator.api import conditions
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Attempt, OutputStatus, Status
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import (
    adoption,
    cancellation,
    completion,
    credentials,
    deletion,
    observation,
    policies,
    refresh,
    submission,
)
from gemini_operator.controller.lifecycle.decisions import (
    AddFinalizer,
    Adopt,
    Cancel,
    Decision,
    DeleteObject,
    DeleteRemote,
    Deliver,
    Event,
    ListRemote,
    PatchStatus,
    RecordBatchName,
    RemoveFinalizer,
    RequeueAfter,
    Submit,
)
from gemini_operator.controller.lifecycle.snapshot import Gone, Remote, Seen, Snapshot, Unreadable
from gemini_operator.controller.memory import Facts, Refusal
from gemini_operator.controller.remote.api_keys import CredentialsProblem
from gemini_operator.controller.remote.reads import _remember
from gemini_operator.controller.remote.sweep import Index, _listed_for
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Summary
from tests.unit.controller.builders import (
    FINGERPRINT,
    MONOTONIC,
    NOW,
    RULES,
    TO_CONFIG_MAP,
    UID,
    a_job,
    an_event,
    time,
)
from tests.unit.controller.lifecycle.google import NEVER, REFUSALS, Batch, Google, Luck, observed

SWEEP = 900.0

# Seconds until a pass that failed is tried again, and until the quota calls a job that waits.
BACK_OFF = 10.0

# Passes at one moment, at most: whoever needs more decides in circles.
PASSES = 25

NO_KEY = "the Secret holds no key"
REFUSED = "API key not valid"


@dataclass(frozen=True)
class Moment:
    """One write of the status; `turn` numbers the moments at which passes ran."""

    turn: int
    at: datetime
    generation: int
    status: Status


@dataclass(frozen=True)
class Sent:
    """The circumstances of one create."""

    at: float
    attempt: str
    spec: Mapping[str, Any]
    before: Status
    deleting: bool
    beside: tuple[Batch, ...]
    """What was open at Google at that moment."""


@dataclass
class World:
    """Everything about one job; `status` is what the API server stores."""

    output: bool = False
    spec: dict[str, Any] = field(default_factory=dict)
    luck: Callable[[], Luck] = Luck
    google: Google = field(default_factory=Google)
    key: Literal["good", "missing", "refused"] = "good"
    down: bool = False
    """Google answers nothing."""
    status: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    generation: int = 1
    has_finalizer: bool = False
    deleted: float | None = None
    released: bool = False
    passed: float = 0.0
    turns: int = 0
    due: float = 0.0
    sweep: float = MONOTONIC + SWEEP
    listing: bool = False
    failing: bool = False
    """The last pass could not go on and is tried again later."""
    creates: int = 0
    history: list[Moment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    holders: list[adoption.Holder] = field(default_factory=list)
    neglected: list[str] = field(default_factory=list)
    facts: Facts = field(default_factory=lambda: Facts(UID))
    read: Job | None = None

    # What happens to it

    def edit(self, **spec: Any) -> None:
        """A person changes the spec; `None` takes a field away."""
        new = {name: value for name, value in {**self.spec, **spec}.items() if value is not None}
        if new != self.spec and not self.released:
            self.spec, self.generation = new, self.generation + 1
            self.changed()

    def annotate(self, name: str, value: str) -> None:
        self.annotations[name] = value
        self.changed()

    def delete(self) -> None:
        """Nothing but our finalizer keeps the object."""
        if self.deleted is None:
            self.deleted, self.released = self.passed, not self.has_finalizer
            self.changed()

    def call_back(self, number: int) -> None:
        """The receiver records an event, under the conditions that its patch tests."""
        attempt = self.status.get("attempt")
        mine = [b for b in self.google.batches if attempt and b.attempt == attempt["id"]]
        if mine and self.deleted is None and "completionTime" not in self.status:
            event = an_event(f"event-{number}", attempt=mine[0].attempt, remoteName=mine[0].name)
            self.status["lastEvent"] = event
            self.changed()

    def restart(self) -> None:
        """Another process takes over: what was only remembered is gone, and every job is looked at."""
        self.facts = Facts(UID)
        self.listing = False
        self.sweep = self.monotonic + SWEEP
        self.wake()

    def changed(self) -> None:
        """The object is another one than before, as the watch tells."""
        self.read = None
        self.wake()

    def wake(self) -> None:
        self.due = self.monotonic

    # Time

    @property
    def monotonic(self) -> float:
        return MONOTONIC + self.passed

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def advance(self, seconds: float) -> None:
        """Time passes, and no pass runs: the process was away."""
        self.passed += seconds
        self.google.pass_to(self.monotonic)

    def live(self, seconds: float) -> None:
        """Time passes, and passes run when somebody has asked for them."""
        until = self.monotonic + seconds
        self.turn()
        while not self.released and min(self.due, self.sweep) <= until:
            self.advance(max(0.0, min(self.due, self.sweep) - self.monotonic))
            if self.sweep <= self.monotonic:
                self.sweep = self.monotonic + SWEEP
                self._sweep()
            self.turn()
        if not self.released:
            self.advance(until - self.monotonic)

    def turn(self) -> None:
        """Every pass that is wanted now."""
        self.turns += 1
        decisions: list[Decision | None] = []
        while self.due <= self.monotonic and not self.released:
            decisions.append(self.run())
            if self.listing:
                self.show()
            assert len(decisions) < PASSES, f"decided in circles: {decisions[-4:]}"
        self._inspect()

    # Listings

    def show(self, *, complete: bool = True) -> None:
        """A listing of the job's key, begun and ended now, as the sweeper tells it."""
        self.listing = False
        self.snapshot()
        if self.key == "good" and not self.down:
            job, attempt = self.job(), self.status.get("attempt")
            listing = self.google.listing(self.monotonic, complete=complete)
            list_snapshot = Index(listing).list_snapshot(job, self.monotonic)
            self.facts.note_list_snapshot(list_snapshot, bool(attempt and attempt.get("batchName")))
        self.facts.refused = REFUSED if self.key == "refused" else None
        self.facts.note_listed(self.monotonic)
        self.wake()

    def _sweep(self) -> None:
        if self.key != "missing" and _listed_for(self.job(), self.now):
            self.show()

    # A pass

    def run(self) -> Decision | None:
        """One pass; `None` where it could not decide."""
        self.due, self.failing = NEVER, False
        snapshot = self.snapshot()
        try:
            decision = policies.decide(snapshot, self._observe(snapshot))
            self._carry_out(snapshot, decision)
        except CredentialsProblem as problem:
            self.failing = True
            self._without_key(snapshot, problem)
        except errors.GeminiError as error:
            self.failing = True
            self._unanswered(snapshot, error)
        else:
            self._come_back(policies.alarm(replace(snapshot, job=self.job())))
            return decision
        return None

    def job(self) -> Job:
        """The object, read once for each of its versions."""
        self.read = self.read or self._read_object()
        return self.read

    def _read_object(self) -> Job:
        deletion_time = None if self.deleted is None else NOW + timedelta(seconds=self.deleted)
        deleted: dict[str, Any] = (
            {"deletionTimestamp": time(deletion_time)} if deletion_time else {}
        )
        return a_job(
            spec={**({"output": TO_CONFIG_MAP} if self.output else {}), **self.spec},
            status=self.status,
            has_finalizer=self.has_finalizer,
            generation=self.generation,
            annotations=self.annotations,
            **deleted,
        )

    def snapshot(self) -> Snapshot:
        """As the reconciler makes it."""
        job = self.job()
        attempt = job.status.attempt
        if job.deleting and self.facts.deleting_since is None:
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
        return Snapshot(job, self.facts, self.now, self.monotonic, RULES)

    def is_true(self, kind: str) -> bool:
        return conditions.is_true(Status.model_validate(self.status).conditions, kind)

    # Observe

    def _observe(self, snapshot: Snapshot) -> Remote | None:
        name = observation.wanted(snapshot)
        if name is None:
            return None
        remote = self._read(name)
        _remember(snapshot, remote, name)
        return remote

    def _read(self, name: str) -> Remote:
        self._credential()
        if self.key == "refused":
            self.failing = True
            return Unreadable(errors.CredentialsRejected(REFUSED))
        batch = self.google.find(name)
        return Gone(same_key=True) if batch is None else Seen(observed(batch))

    def _secret(self) -> None:
        if self.key == "missing":
            raise CredentialsProblem(Reason.CREDENTIALS_MISSING, NO_KEY)

    def _credential(self) -> None:
        self._secret()
        if self.down:
            raise errors.Unavailable("503")

    def _ask(self) -> None:
        """A request that changes something at Google."""
        self._credential()
        if self.key == "refused":
            raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, REFUSED)

    # Act

    def _come_back(self, seconds: float | None) -> None:
        if seconds is not None:
            self.due = min(self.due, self.monotonic + seconds)

    def _carry_out(self, snapshot: Snapshot, decision: Decision) -> None:
        match decision:
            case RequeueAfter(seconds):
                self._come_back(seconds)
            case PatchStatus():
                self._write(decision)
            case ListRemote(seconds):
                if seconds <= 0:
                    self._secret()
                    self.listing = True
                self._come_back(seconds or None)
            case AddFinalizer():
                self.has_finalizer = True
                self.changed()
            case RemoveFinalizer(event):
                self._release(event)
            case DeleteObject():
                self.delete()
            case _:
                self._at_google(snapshot, decision)

    def _at_google(self, snapshot: Snapshot, decision: Decision) -> None:
        match decision:
            case Submit(number):
                self._submit(snapshot, number)
            case RecordBatchName(summary):
                self._name(snapshot, summary)
            case Deliver(seen):
                self._credential()
                output = OutputStatus(config_map="results", bytes=1, records=0)
                self._write(completion.delivered(snapshot, seen, output))
            case DeleteRemote(names, then, event):
                for name in names:
                    self._ask()
                    self.google.cancel(name, self.monotonic)
                    self.google.delete(name)
                if then is None:
                    self._release(event)
                else:
                    self._write(then)
            case Cancel(batch):
                self._ask()
                self.google.cancel(batch, self.monotonic)
                self.facts.note_cancel(batch, self.monotonic)
                self.wake()
            case Adopt():
                self._adopt(snapshot)
            case _:
                raise AssertionError(decision)

    def _release(self, event: Event | None) -> None:
        self.released = True
        self.events += [event] if event else []

    def _name(self, snapshot: Snapshot, summary: Summary) -> None:
        self._store(submission.named(snapshot, summary))
        self.wake()

    def _submit(self, snapshot: Snapshot, number: int) -> None:
        luck = self.luck()
        if luck.answer == "full":
            self._write(submission.queued(snapshot, Reason.QUEUED, "", BACK_OFF))
            return
        self._ask()
        self.creates += 1
        attempt = self._attempt(f"{self.creates:016x}", number)
        self._note_sent(snapshot, attempt)
        self._store(submission.written_ahead(snapshot, attempt))
        if luck.answer in ("batch", "no answer"):
            batch = self.google.create(attempt.id, self.now, self.monotonic, luck)
            if luck.answer == "batch":
                self._name(self.snapshot(), batch.summary())
        if luck.answer in REFUSALS:
            self.facts.refusal = Refusal(attempt.id, REFUSALS[luck.answer], 5.0)
        self.wake()

    def _note_sent(self, snapshot: Snapshot, attempt: Attempt) -> None:
        beside = tuple(self.google.open())
        self.sent.append(
            Sent(
                self.monotonic,
                attempt.id,
                self.spec,
                snapshot.status,
                self.deleted is not None,
                beside,
            )
        )

    def _adopt(self, snapshot: Snapshot) -> None:
        self._ask()
        terms = snapshot.job.spec.adopt
        assert terms is not None
        batch = self.google.find(terms.batch_name)
        if batch is None:
            self._write(adoption.not_found(snapshot, terms))
            return
        record = self._attempt("a" * 16, 1).model_copy(update={"batch_name": terms.batch_name})
        self.facts.note_rivals(bool(self.holders), self.monotonic)
        self._write(
            adoption.refused(snapshot, batch.summary())
            or adoption.claimed(snapshot, terms)
            or adoption.contested(snapshot, terms, self.holders)
            or adoption.settled(snapshot, batch.summary(), record)
        )

    def _attempt(self, an_id: str, number: int) -> Attempt:
        return Attempt(
            id=an_id, number=number, start_time=self.now, api_key_fingerprint=FINGERPRINT
        )

    # Where a pass cannot go on

    def _without_key(self, snapshot: Snapshot, problem: CredentialsProblem) -> None:
        if self.deleted is None:
            self._write(credentials.stalled(snapshot, problem.reason, str(problem)))
        elif deletion.out_of_patience(snapshot):
            self._release(deletion.left_behind(str(problem)).event)
        else:
            self._come_back(5.0)

    def _unanswered(self, snapshot: Snapshot, error: errors.GeminiError) -> None:
        if self.deleted is None:
            self._come_back(BACK_OFF)
        else:
            self._carry_out(snapshot, deletion.blocked(snapshot, f"{error}."))

    # Write

    def _write(self, write: PatchStatus) -> None:
        if self._store(write.status):
            self.events += write.events
        if write.retry:
            self._come_back(BACK_OFF)
        else:
            self._come_back(write.seconds or 0.0)

    def _store(self, status: Status) -> bool:
        event = self.status.get("lastEvent")
        new = status.dump() | ({"lastEvent": event} if event else {})
        changed = new != self.status
        if changed:
            self.status, self.read = new, None
            stored = Status.model_validate(new)
            self.history.append(Moment(self.turns, self.now, self.generation, stored))
        return changed

    # What must be so when all passes have run

    def _inspect(self) -> None:
        """Whether anything that could be done now was left undone."""
        if self.released or self.failing or self.deleted is not None:
            return
        snapshot = self.snapshot()
        named = self.google.find(snapshot.status.batch_name) if snapshot.status.attempt else None
        if named is not None and named.open and not snapshot.job.finished:
            if cancellation.cause(snapshot) is not None and not named.cancels:
                self.neglected.append(f"{named.name} runs on at {self.passed}")
            if refresh.pending(snapshot) is not None:
                self.neglected.append(f"a request is not answered at {self.passed}")
        if snapshot.status.observed_generation != self.generation:
            self.neglected.append(f"generation {self.generation} is not acknowledged")


def stalled_as(world: World, reason: Reason) -> bool:
    condition = conditions.find(Status.model_validate(world.status).conditions, conditions.STALLED)
    return condition is not None and condition.reason == reason
