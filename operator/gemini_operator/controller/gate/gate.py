"""Who may send a create now: so many open batches for each API key, and nobody against a 429.

A job that waits has no timer and costs nothing: it is called when a place is free for it, and
the place is kept until the job's write-ahead shows it, or until the job leaves (rule P23).
"""

import random
from collections.abc import Iterable
from enum import Enum, auto

from gemini_operator.api.conditions import SUBMITTED, find
from gemini_operator.api.names import normalise_model
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.clock import Clock
from gemini_operator.controller.gate.backoff import Backoff
from gemini_operator.controller.gate.groups import Fingerprint, Group, Groups
from gemini_operator.controller.gate.lines import Line
from gemini_operator.controller.gate.places import OpenBatch, Places
from gemini_operator.controller.gate.standing import UNSENT, Standing, Standings, State
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.queue import Wakes
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


class Answer(Enum):
    """What the gate says to a job that wants to submit."""

    GO = auto()
    FULL = auto()
    THROTTLED = auto()
    REFUSED = auto()


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
        self._groups = Groups()
        self._standings = Standings()
        places.tell(self)

    @property
    def waiting(self) -> int:
        """Jobs that have not been called."""
        return sum(one.state is State.WAITING for one in self._standings)

    # What jobs ask and tell

    def ask(self, job: Job, group: str, fingerprint: Fingerprint | None = None) -> Answer:
        """Whether `job`, whose key is of `group`, may write ahead now; else it waits from now on."""
        ref = self._places.api_key(job)
        self.learn(ref, group, fingerprint)
        known = self._known(ref)
        asking = self._enter(job, known)
        if asking.keeps and known.total > self._limit:
            # Since it was called an adopted batch has taken the last place.
            asking.release()
            asking.become(State.WAITING)
        if not asking.keeps:
            self._advance(known, asking=job.key)
        if asking.keeps:
            asking.become(State.GOING)
            return Answer.GO
        lines = known.closed(asking.model)
        for line in lines:
            self._alarm(known, line, asking=job.key)
        if known.refusal is not None:
            return Answer.REFUSED
        return Answer.THROTTLED if lines else Answer.FULL

    def leave(self, key: Key) -> None:
        """The job wants nothing, or no longer what it wanted; whoever is next may go."""
        one = self._standings.pop(key)
        if one is None:
            return
        group = one.group
        one.move(group)
        for line in group.closed(one.model):
            self._alarm(group, line)
        self._advance(group)
        group.drop_idle(self._clock.monotonic())
        self._forget(one.ref)

    def throttled(self, group: str, job: Job, retry_after: float | None) -> float:
        """Google said 429 to `job`: close the line; returns the seconds until it opens."""
        known = self._groups.named(group)
        if known is None:
            # Nobody uses this key any more.
            return self._backoff.seconds(1, retry_after)
        self._accept(known)
        line = self._line(known, normalise_model(job.spec.model))
        return self._close(known, line, job, retry_after)

    def refused(self, group: str, job: Job) -> None:
        """Google refused the key itself: all of it wait, then one tries alone."""
        known = self._groups.named(group)
        if known is None:
            self.leave(job.key)
            return
        self._close(known, self._refusal(known), job, None)

    def passed(self, group: str, job: Job) -> None:
        """A create was neither throttled nor refused for its key: everybody may go."""
        known = self._groups.named(group)
        if known is not None:
            self._accept(known)
            known.reopen(normalise_model(job.spec.model))
        self.leave(job.key)
        if known is not None:
            self._advance(known)

    # What is learnt otherwise

    def learn(self, ref: KeyRef, group: str, fingerprint: Fingerprint | None = None) -> None:
        """The Secret `ref` holds the key of `group` now; whoever waits goes along."""
        old = self._groups.of(ref)
        if old is not None and old.name == group:
            return
        new = self._groups.move(ref, group, fingerprint)
        for one in self._standings.of(ref):
            # What is on its way is sent with the old key.
            if one.state in UNSENT:
                one.move(new)
                one.become(State.WAITING)
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
            self._enter(job, group)
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

    # What the store tells

    def taken(self, batch: OpenBatch) -> None:
        """A job's attempt is written down: the place that was kept for it is held now."""
        self._groups.take(batch)
        one = self._standings.get(batch.key)
        if one is not None:
            one.become(State.SENT)

    def freed(self, batch: OpenBatch) -> None:
        """A job has ended, or its attempt has: its place is for the next."""
        group = self._groups.free(batch)
        if group is not None:
            self._advance(group)
            self._groups.drop_idle(group)
        self._forget(batch.ref)

    def gone(self, key: Key) -> None:
        """An object is gone: it waits no more."""
        self.leave(key)

    # Inside

    def _known(self, ref: KeyRef) -> Group:
        group = self._groups.of(ref)
        if group is None:
            raise AssertionError("a job stands at the gate of a key that nobody knows")
        return group

    def _enter(self, job: Job, group: Group) -> Standing:
        one = self._standings.enter(job, self._places.api_key(job), group)
        if one.group is not group:
            # It was on its way with the key before, and comes back.
            old = one.group
            one.move(group)
            self._refresh(old)
        if one.state in (State.OUT, State.SENT):
            one.become(State.WAITING)
        return one

    def _line(self, group: Group, model: str) -> Line:
        """The line of a throttled model; with the first 429 all who want that model wait there."""
        if model not in group.lines:
            with self._standings.moving(group, model):
                group.lines[model] = Line()
        return group.lines[model]

    def _refusal(self, group: Group) -> Line:
        """The line of a refused key, where all who have that key wait."""
        if group.refusal is None:
            with self._standings.moving(group):
                group.refusal = Line(tries=1)
        return group.refusal

    def _accept(self, group: Group) -> None:
        """Google knows the key: whoever waited for that waits as before."""
        if group.refusal is not None:
            with self._standings.moving(group):
                group.refusal = None

    def _close(self, group: Group, line: Line, job: Job, at_least: float | None) -> float:
        """Google said no to `job`, which waits again; returns the seconds until the line opens."""
        now = self._clock.monotonic()
        self._call_back(line)
        line.close(now, self._backoff, at_least)
        one = self._standings.get(job.key)
        if one is not None:
            one.move(self._known(one.ref))
            one.become(State.WAITING)
            if one.group is group:
                line.blame(one.turn)
            else:
                self._advance(one.group)
        self._alarm(group, line)
        self._advance(group)
        return line.opens - now

    def _call_back(self, line: Line) -> None:
        """A late "no" while the head is to try: it waits again, unless it is on its way."""
        probing = self._standings.get(line.probing)
        if probing is not None and probing.state is State.CALLED:
            probing.become(State.WAITING)

    def _advance(self, group: Group, asking: Key | None = None) -> None:
        """Call the best while there are places; who is asking needs no pass."""
        now = self._clock.monotonic()
        while group.total < self._limit and (key := group.best(now)) is not None:
            if self._groups.settle():
                continue
            called = self._standings[key]
            called.become(State.CALLED)
            for line in group.closed(called.model):
                line.probing = key
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
        group.drop_idle(self._clock.monotonic())
        for line in (*group.lines.values(), group.refusal):
            if line is not None:
                self._alarm(group, line)
        self._advance(group)

    def _forget(self, ref: KeyRef) -> None:
        if not self._standings.of(ref) and not self._places.count(ref):
            self._groups.forget(ref)
