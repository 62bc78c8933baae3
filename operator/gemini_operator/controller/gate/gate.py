"""Who may send a create now: so many open batches for each API key, and nobody against a 429.

A job that waits has no timer and costs nothing: it is called when a place is free for it, and
the place is kept until the job's write-ahead shows it, or until the job leaves (rule P23).
"""

import math
import random
from collections.abc import Iterable
from enum import Enum, auto

from gemini_operator.api.conditions import SUBMITTED, find
from gemini_operator.api.names import normalise_model
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.clock import Clock
from gemini_operator.controller.gate.backoff import Backoff
from gemini_operator.controller.gate.groups import Group, Groups
from gemini_operator.controller.gate.lines import Line
from gemini_operator.controller.gate.places import Places
from gemini_operator.controller.gate.refusals import Refusals
from gemini_operator.controller.gate.standing import Standing, Standings, State
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.queue import Wakes
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


class Answer(Enum):
    """What the gate says to a job that wants to submit."""

    GO = auto()
    FULL = auto()
    THROTTLED = auto()


class Gate:
    """
    Places and lines of every API key. Nothing in it awaits, so passes cannot come between.

    Args:
        clock: times the back-off.
        places: who holds a place, by the statuses.
        queue: wakes jobs.
        limit: open batches for each key.
        rng: jitter.
    """

    def __init__(
        self,
        clock: Clock,
        places: Places,
        queue: Wakes,
        *,
        limit: int,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._places = places
        self._queue = queue
        self._limit = limit
        self._backoff = Backoff(rng)
        self.refusals = Refusals(clock, self._backoff)
        self._groups = Groups(places)
        self._standings = Standings()
        places.tell(self)

    @property
    def waiting(self) -> int:
        """Jobs that have not been called."""
        return sum(one.state is State.WAITING for one in self._standings)

    # What jobs ask and tell

    def ask(self, job: Job, group: str) -> Answer:
        """Whether `job`, whose key is of `group`, may write ahead now; else it waits from now on."""
        self.learn(self._places.api_key(job), group)
        asking = self._enter(job)
        known = self._group(asking)
        if asking.keeps and known.total > self._limit:
            # The place that is kept for it was one of another key.
            asking.become(known, State.WAITING)
        if not asking.keeps:
            self._advance(known, asking=job.key)
        if asking.keeps:
            asking.become(known, State.GOING)
            return Answer.GO
        line = known.lines.get(asking.model)
        if line is None:
            return Answer.FULL
        self._alarm(known, line, asking=job.key)
        return Answer.THROTTLED

    def leave(self, key: Key) -> None:
        """The job wants nothing, or no longer what it wanted; whoever is next may go."""
        one = self._standings.pop(key)
        if one is None:
            return
        group = self._group(one)
        one.become(group, State.OUT)
        line = group.lines.get(one.model)
        if line is not None:
            line.release(key)
            self._alarm(group, line)
        self._advance(group)
        group.drop_idle(one.model, self._clock.monotonic())
        self._forget(one.ref)

    def throttled(self, group: str, job: Job, retry_after: float | None) -> float:
        """Google said 429 to `job`: close the line; returns the seconds until it opens."""
        known = self._groups.named(group)
        if known is None:
            # Nobody uses this key any more.
            return self._backoff.seconds(1, retry_after)
        line = self._line(known, normalise_model(job.spec.model))
        self._call_back(known, line)
        delay = self._backoff.seconds(line.failures + 1, retry_after)
        line.close(self._clock.monotonic() + delay)
        one = self._standings.get(job.key)
        if one is not None:
            one.become(self._group(one), State.WAITING)
            if self._group(one) is known:
                line.blame(one.turn)
        self._alarm(known, line)
        self._advance(known)
        return delay

    def passed(self, group: str, job: Job) -> None:
        """A create was neither throttled nor refused for its key: everybody may go."""
        self.refusals.end(group)
        known = self._groups.named(group)
        if known is not None:
            known.reopen(normalise_model(job.spec.model))
        self.leave(job.key)
        if known is not None:
            self._advance(known)

    def refused(self, group: str, job: Job, message: str) -> None:
        """Google refused the key itself: nobody is called until its back-off ends."""
        self.refusals.add(group, message)
        self.leave(job.key)

    # What is learnt otherwise

    def learn(self, ref: KeyRef, group: str) -> None:
        """The Secret `ref` holds the key of `group`; what waits and what is open goes along."""
        old = self._groups.of(ref)
        if old is not None and old.name == group:
            return
        moving = self._standings.of(ref)
        states = [one.state for one in moving]
        for one in moving:
            self._release(one)
            one.become(self._group(one), State.OUT)
        new = self._groups.move(ref, group)
        for one, state in zip(moving, states, strict=True):
            one.become(new, State.WAITING if state is State.CALLED else state)
        self._refresh(new)
        if old is not None:
            self._refresh(old)

    def expect(self, jobs: Iterable[Job]) -> None:
        """After a restart, before any pass: let these jobs stand in line as if they had asked."""
        for job in jobs:
            group = self._groups.of(self._places.api_key(job))
            if group is None:
                continue
            said = find(job.status.conditions, SUBMITTED)
            if said is not None and said.reason == Reason.QUOTA_EXCEEDED:
                self._line(group, normalise_model(job.spec.model))
            self._enter(job)
        for group in self._groups:
            self._refresh(group)

    def remind(self) -> None:
        """Call again, now and then, in case a call was lost; one lost twice goes to the next."""
        for one in [one for one in self._standings if one.state is State.CALLED]:
            if one.late:
                log.warning("a job does not take its turn", **one.key._asdict())
                self.leave(one.key)
            else:
                one.late = True
                self._queue.add(one.key)
        for ref in self._groups.refs:
            self._forget(ref)
        for group in self._groups:
            self._refresh(group)
            self._groups.drop_idle(group)
        self.refusals.tidy()

    # What the store tells

    def taken(self, ref: KeyRef, key: Key) -> None:
        """A job's attempt is written down: the place that was kept for it is held now."""
        group = self._groups.of(ref)
        if group is None:
            return
        group.hold(ref.namespace, 1)
        one = self._standings.get(key)
        if one is not None:
            one.become(group, State.SENT)

    def freed(self, ref: KeyRef) -> None:
        """A job has ended, or its attempt has: its place is for the next."""
        group = self._groups.of(ref)
        if group is None:
            return
        group.hold(ref.namespace, -1)
        self._advance(group)
        self._forget(ref)

    def gone(self, key: Key) -> None:
        """An object is gone: it waits no more."""
        self.leave(key)

    # Inside

    def _group(self, one: Standing) -> Group:
        group = self._groups.of(one.ref)
        if group is None:
            raise AssertionError("a job stands at the gate of a key that nobody knows")
        return group

    def _enter(self, job: Job) -> Standing:
        one = self._standings.enter(job, self._places.api_key(job))
        if one.state in (State.OUT, State.SENT):
            one.become(self._group(one), State.WAITING)
        return one

    def _line(self, group: Group, model: str) -> Line:
        """The line of a throttled model; with the first 429 all who want that model wait there."""
        line = group.lines.get(model)
        if line is None:
            everybody = (one for ref in group.refs for one in self._standings.of(ref))
            there = (State.WAITING, State.CALLED)
            moved = [one for one in everybody if one.model == model and one.state in there]
            for one in moved:
                one.become(group, State.OUT)
            line = group.lines[model] = Line()
            for one in moved:
                one.become(group, State.WAITING)
        return line

    def _call_back(self, group: Group, line: Line) -> None:
        """A late 429 while the head is to try: it waits again, unless it is on its way."""
        probing = self._standings.get(line.probing)
        if probing is not None and probing.state is State.CALLED:
            probing.become(group, State.WAITING)

    def _release(self, one: Standing) -> None:
        line = self._group(one).lines.get(one.model)
        if line is not None:
            line.release(one.key)

    def _advance(self, group: Group, asking: Key | None = None) -> None:
        """Call the best while there are places; who is asking needs no pass."""
        now = self._clock.monotonic()
        refusal = self.refusals.of(group.name)
        if refusal is not None:
            first = group.best(math.inf)
            if first is not None:
                self._queue.add_after(first, refusal.until - now)
            return
        while group.total < self._limit and (key := group.best(now)) is not None:
            called = self._standings[key]
            called.become(group, State.CALLED)
            if called.model in group.lines:
                group.lines[called.model].probing = key
            if key != asking:
                self._queue.add(key)

    def _alarm(self, group: Group, line: Line, asking: Key | None = None) -> None:
        """Have a closed line's head woken when it opens, once."""
        now = self._clock.monotonic()
        if line.opens <= now:
            return
        head = group.head(line)
        if head is not None and (head != line.alarmed or head == asking):
            line.alarmed = head
            self._queue.add_after(head, line.opens - now)

    def _refresh(self, group: Group) -> None:
        for model, line in tuple(group.lines.items()):
            self._alarm(group, line)
            group.drop_idle(model, self._clock.monotonic())
        self._advance(group)

    def _forget(self, ref: KeyRef) -> None:
        if not self._standings.of(ref) and not self._places.count(ref):
            self._groups.forget(ref)
