"""
A job, its API server, its Google and its time; the controller in it is the one that is shipped.

Whoever plays chooses what happens next; the rules must hold for every choice. The job is reconciled
when somebody has asked for it, as the queue has it, so a job that nothing wakes sleeps here too.
"""

import asyncio
import atexit
import base64
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Literal, cast

from pydantic import SecretStr

from gemini_operator.api import conditions, group
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.assembly import assemble
from gemini_operator.controller.job import DEFAULT_API_KEY, Job, Key, from_object
from gemini_operator.controller.lifecycle import cancellation, refresh
from gemini_operator.controller.lifecycle.decisions import Event
from gemini_operator.controller.lifecycle.progress import RECOVERS
from gemini_operator.controller.quota.quota import Admission
from gemini_operator.controller.remote.api_keys import CredentialsProblem
from gemini_operator.controller.settings import ControllerSettings
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Listing, Observation, Submission, Summary
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.gemini.tokens import read_token
from gemini_operator.kube import patches
from gemini_operator.kube.errors import Invalid, KubeError, ObjectNotFound
from tests.unit.controller.builders import (
    INLINE,
    MODEL,
    MONOTONIC,
    NOW,
    RULES,
    TO_CONFIG_MAP,
    UID,
    an_event,
    time,
)
from tests.unit.controller.clocks import ManualClock
from tests.unit.controller.lifecycle.api_server import JSON, ApiServer, Path
from tests.unit.controller.lifecycle.google import (
    NEVER,
    REFUSALS,
    Batch,
    Google,
    Luck,
    Project,
    observed,
)

SWEEP = 900.0

# Seconds until the quota calls a job that waits.
TURN = 10.0

# Reconciles at one moment, at most: more than that is a loop of decisions.
RECONCILES = 25

KEY = Key("team-a", "job")
JOB = "apis", group.GROUP, group.VERSION, "namespaces", KEY.namespace, group.PLURAL, KEY.name
SECRET = "api", "v1", "namespaces", KEY.namespace, "secrets", DEFAULT_API_KEY[0]
API_KEY = "a-key-of-more-than-twenty-characters"
OTHER_KEY = "a-key-of-another-project-at-google"
REFUSED = "API key not valid"

SETTINGS = ControllerSettings(
    gemini=GeminiSettings(create_timeout=RULES.create_timeout),
    submit_grace=RULES.submit_grace,
    sweep_interval=SWEEP,
    credentials_ttl=1.0,
)

_loop = asyncio.new_event_loop()
atexit.register(_loop.close)


@dataclass(frozen=True)
class Moment:
    """One write of the status; `turn` numbers the moments at which the job was reconciled."""

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
    key: Project = "good"


@dataclass
class World:
    """
    Everything about one job.

    Args:
        output: the results go to a ConfigMap.
        spec: members of the spec beside the model and the input; `None` takes one away.
        luck: how Google treats the next create.
        has_finalizer: the object has our finalizer from the start.
        chance: jitter.
    """

    output: bool = False
    spec: dict[str, Any] = field(default_factory=dict)
    luck: Callable[[], Luck] = Luck
    has_finalizer: bool = False
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    google: Google = field(default_factory=Google)
    key: Literal["good", "other", "missing", "refused"] = "good"
    down: bool = False
    """Google answers nothing."""
    deleted: float | None = None
    released: bool = False
    turns: int = 0
    sweep: float = MONOTONIC + SWEEP
    failing: bool = False
    """The last reconcile could not go on and is tried again later."""
    history: list[Moment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    neglected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self._receiving = False
        self._untold: list[JSON | None] = []
        self._next: Luck | None = None
        self._kube = _Kube(self)
        metadata = {
            "namespace": KEY.namespace,
            "name": KEY.name,
            "uid": UID,
            "generation": 1,
            "creationTimestamp": time(NOW),
            "finalizers": [group.FINALIZER] if self.has_finalizer else [],
        }
        self.body: JSON = {"metadata": metadata, "spec": self._whole_spec()}
        self._kube.put(JOB, self.body)
        self._start()

    # What happens to it

    def edit(self, **spec: Any) -> None:
        """A person changes the spec; `None` takes a field away."""
        new = {name: value for name, value in {**self.spec, **spec}.items() if value is not None}
        if new == self.spec or self.released:
            return
        self.spec = new
        metadata = {**self.body["metadata"], "generation": self.generation + 1}
        self._kube.put(JOB, {**self.body, "metadata": metadata, "spec": self._whole_spec()})
        self._tell()

    def annotate(self, name: str, value: str) -> None:
        if not self.released:
            self._run(
                self._kube.patch(
                    *JOB, body={"metadata": {"annotations": {name: value}}}, merge=True
                )
            )
            self._tell()

    def delete(self) -> None:
        """Nothing but our finalizer keeps the object."""
        if not self.released:
            self._run(self._kube.delete(*JOB))
            self._tell()

    def call_back(self, number: int) -> None:
        """The receiver records an event, under the conditions that its patch tests."""
        attempt = self.status.get("attempt")
        mine = [b for b in self.google.batches if attempt and b.attempt == attempt["id"]]
        if attempt is None or not mine or self.released:
            return
        event = an_event(f"event-{number}", attempt=mine[0].attempt, remoteName=mine[0].name)
        patch = patches.record_event(UID, attempt["id"], event)
        self._receiving = True
        with contextlib.suppress(Invalid):
            self._run(self._kube.patch(*JOB, "status", body=patch, merge=False))
        self._receiving = False
        self._tell()

    def restart(self) -> None:
        """Another process takes over: what was only remembered is gone, and every job is looked at."""
        self._start()
        self.sweep = self.monotonic + SWEEP

    def wake(self) -> None:
        self._parts.queue.add(KEY)

    # Time

    @property
    def monotonic(self) -> float:
        return self.clock.monotonic()

    @property
    def passed(self) -> float:
        return self.monotonic - MONOTONIC

    @property
    def due(self) -> float:
        """When the queue wants the next reconcile."""
        queue = self._parts.queue
        calls = (due for due, _, timed in queue._timers if not isinstance(timed, Key))
        return self.monotonic if queue.depth else min([*queue._due.values(), *calls], default=NEVER)

    def advance(self, seconds: float) -> None:
        """Time passes, and nothing is reconciled: the process was away."""
        self.clock.advance(seconds)
        self.google.pass_to(self.monotonic)

    def live(self, seconds: float) -> None:
        """Time passes, and the job is reconciled when somebody has asked for it."""
        until = self.monotonic + seconds
        self.turn()
        while not self.released and min(self.due, self.sweep) <= until:
            self.advance(max(0.0, min(self.due, self.sweep) - self.monotonic))
            if self.sweep <= self.monotonic:
                self.sweep = self.monotonic + SWEEP
                self._run(self._parts.sweeper.sweep())
            self.turn()
        if not self.released:
            self.advance(until - self.monotonic)

    def turn(self) -> None:
        """Every reconcile that is wanted now."""
        self.turns += 1
        queue = self._parts.queue
        for _ in range(RECONCILES):
            queue._fire()
            if not queue.depth:
                break
            self._run(self._reconcile(queue._take()))
            self._tell()
        else:
            raise AssertionError(f"decided in circles: {self.history[-4:]}")
        self._inspect()

    def look(self, seconds: float = 60.0) -> None:
        """After `seconds` the Secrets are looked at, as they are once a minute and after a problem."""
        self.advance(seconds)
        self._run(self._parts.sweeper.look())
        self._run(self._parts.rejected_keys.look())
        self.turn()

    def show(self, *, complete: bool = True) -> None:
        """The batches of the job's key are listed, now."""
        self.google.complete = complete
        self._run(self._list())
        self.google.complete = True

    # What is

    @property
    def status(self) -> JSON:
        """As the API server stores it, or has stored it last."""
        found: JSON = self.body.get("status", {})
        return found

    @property
    def generation(self) -> int:
        return int(self.body["metadata"]["generation"])

    @property
    def creates(self) -> int:
        return len(self.sent)

    def job(self) -> Job:
        return from_object(self.body)

    def is_true(self, kind: str) -> bool:
        return conditions.is_true(Status.model_validate(self.status).conditions, kind)

    # The process

    def _start(self) -> None:
        """A new process remembers nothing, and looks at every object."""
        self._parts = assemble(
            SETTINGS,
            kube=cast(Any, self._kube),
            clients=cast(Any, SimpleNamespace(for_key=self._client)),
            clock=self.clock,
            schema=cast(Any, SimpleNamespace(missing=(), suspect=lambda: None)),
            objects=cast(Any, None),
            rng=self.chance,
        )
        self._reserve = self._parts.quota.reserve
        self._parts.quota.reserve = self._reserve_with_luck  # type: ignore[method-assign]
        self._untold.clear()
        if not self.released:
            self._parts.event_handler.on_event(None, self.body)

    def _client(self, key: SecretStr) -> SimpleNamespace:
        project: Project = "other" if key.get_secret_value() == OTHER_KEY else "good"
        return SimpleNamespace(batches=_RemoteJobs(self, project), key_id=f"key of {project}")

    def _reserve_with_luck(
        self, job: Job, key_id: str, fingerprint: Callable[[str], str] | None = None
    ) -> Admission:
        """With bad luck other jobs of the key have all the slots, for a while."""
        self._next = self._next or self.luck()
        if self._next.answer == "full":
            self._next = None
            self._parts.queue.add_after(job.key, TURN)
            return Admission.QUOTA_FULL
        return self._reserve(job, key_id, fingerprint)

    async def _reconcile(self, key: Key) -> None:
        """As a worker does, which may meet no other exception."""
        self.failing = False
        try:
            await self._parts.reconciler.run(key)
        except (KubeError, errors.GeminiError) as error:
            self.failing = True
            self._parts.queue.back_off(key, at_least=error.retry_after or 0.0)
        finally:
            self._parts.queue.done(key)

    async def _list(self) -> None:
        with contextlib.suppress(CredentialsProblem):
            api_key = await self._parts.api_keys.resolve(self.job().api_key)
            self._parts.sweeper.search(api_key, KEY)

    def _run(self, work: Coroutine[Any, Any, object]) -> None:
        """Do `work`, and what it leaves to be done beside it."""
        _loop.run_until_complete(self._finish(work))

    async def _finish(self, work: Coroutine[Any, Any, object]) -> None:
        await work
        await self._parts.events.drain()
        while running := tuple(self._parts.sweeper._running.values()):
            await asyncio.gather(*running)

    # The API server

    def note_version(self, body: JSON | None) -> None:
        """The object has a new version, or is gone."""
        self._untold.append(body)
        if body is None:
            self.released = True
            self.deleted = self.passed if self.deleted is None else self.deleted
            return
        before, self.body = self.status, body
        if "deletionTimestamp" in body["metadata"] and self.deleted is None:
            self.deleted = self.passed
        if self.status != before and not self._receiving:
            stored = Status.model_validate(self.status)
            self.history.append(Moment(self.turns, self.clock.now(), self.generation, stored))

    def _tell(self) -> None:
        """The watch tells what has happened to the object, our own writes included."""
        untold, self._untold = self._untold, []
        for body in untold:
            kind = "DELETED" if body is None else "MODIFIED"
            self._parts.event_handler.on_event(kind, body or self.body)

    def _whole_spec(self) -> JSON:
        spec = {"model": MODEL, "input": INLINE, **self.spec}
        if self.output:
            spec["output"] = TO_CONFIG_MAP
        return {name: value for name, value in spec.items() if value is not None}

    # Google

    def create(self, submission: Submission, project: Project) -> Summary:
        """What becomes of a create; raises as `RemoteJob.submit` does."""
        luck, self._next = self._next or self.luck(), None
        token = read_token(submission.display_name)
        assert token is not None
        before = self.history[-2].status if len(self.history) > 1 else Status()
        beside = tuple(self.google.open())
        deleting = self.deleted is not None
        sent = Sent(self.monotonic, token.attempt_id, self.spec, before, deleting, beside, project)
        self.sent.append(sent)
        if self.down:
            raise errors.Ambiguous("503")
        if self.key == "refused":
            raise errors.CredentialsRejected(REFUSED)
        if luck.answer in REFUSALS:
            raise REFUSALS[luck.answer]
        if luck.answer in ("batch", "no answer"):
            now = self.clock.now()
            batch = self.google.create(token.attempt_id, now, self.monotonic, luck, project)
            if luck.answer == "batch":
                return batch.summary()
        raise errors.Ambiguous("no answer")

    # What must be so when everything that is wanted has been done

    def _inspect(self) -> None:
        """Whether anything that could be done now was left undone."""
        job = self._parts.store.get(KEY)
        if job is None or self.failing or self.deleted is not None:
            return
        snapshot = self._parts.reconciler.snapshots.take(job)
        said = conditions.find(snapshot.status.conditions, conditions.STALLED)
        pausing = said is not None and said.reason in RECOVERS
        if self.down or self.key != "good" or snapshot.facts.retrying or pausing:
            return
        named = self.google.find(snapshot.status.batch_name) if snapshot.status.attempt else None
        if named is not None and named.open and not snapshot.job.finished:
            if cancellation.cause(snapshot) is not None and not named.cancels:
                self.neglected.append(f"{named.name} runs on at {self.passed}")
            if refresh.pending(snapshot) is not None:
                self.neglected.append(f"a request is not answered at {self.passed}")
        if snapshot.status.observed_generation != self.generation:
            self.neglected.append(f"generation {self.generation} is not acknowledged")


class _Kube(ApiServer):
    """The API server of a world."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock.now, self._note)
        self._world = world

    async def get(self, *path: str, params: Mapping[str, str] | None = None, **_: object) -> JSON:
        if path != SECRET:
            return await super().get(*path, params=params)
        if self._world.key == "missing":
            raise ObjectNotFound(404, "NotFound", "the Secret is not there")
        value = OTHER_KEY if self._world.key == "other" else API_KEY
        return {"data": {DEFAULT_API_KEY[1]: base64.b64encode(value.encode()).decode()}}

    def _note(self, path: Path, body: JSON | None) -> None:
        if path == JOB:
            self._world.note_version(body)
        elif "events" in path and body is not None:
            warning = body["type"] == "Warning"
            reason = next(reason for reason in Reason if reason.value == body["reason"])
            self._world.events.append(Event(reason, body["message"], warning))


class _RemoteJobs:
    """The batches of a key's project, as `gemini_operator.gemini.remote.RemoteJob` has them."""

    def __init__(self, world: World, project: Project) -> None:
        self._world = world
        self._project = project

    async def submit(
        self, submission: Submission, *, may_send: Callable[[], bool] | None = None
    ) -> Summary:
        assert may_send is None or may_send()
        return self._world.create(submission, self._project)

    async def search(self) -> Listing:
        self._check()
        return self._world.google.listing(self._world.monotonic, self._project)

    async def observe(self, name: str) -> Observation:
        return observed(self._find(name))

    async def cancel(self, name: str) -> None:
        self._find(name)
        self._world.google.cancel(name, self._world.monotonic)

    async def delete(self, name: str) -> None:
        self._find(name)
        self._world.google.delete(name)

    def _check(self) -> None:
        if self._world.down:
            raise errors.Unavailable("503")
        if self._world.key == "refused":
            raise errors.CredentialsRejected(REFUSED)

    def _find(self, name: str) -> Batch:
        self._check()
        batch = self._world.google.find(name)
        if batch is None or batch.project != self._project:
            raise errors.NotFound(f"{name} not found")
        return batch


def stalled_as(world: World, reason: Reason) -> bool:
    condition = conditions.find(Status.model_validate(world.status).conditions, conditions.STALLED)
    return condition is not None and condition.reason == reason
