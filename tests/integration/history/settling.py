"""The end of a history: all trouble is over, so every job comes to the end that was asked for."""

import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from tests.integration.history import books, ends
from tests.integration.history.google import Batch
from tests.integration.history.laws import (
    Body,
    attempt_of,
    conditions_of,
    deleting,
    is_true,
    status_of,
    superseded_of,
)
from tests.integration.history.wish import Deeds, Wish
from tests.integration.history.world import World

PATIENCE = 60.0
"""Seconds in which every job has to come to its end: many times what it needs."""

PAUSE = 0.1

KEY_PAUSE = 6.0
"""Seconds after which another of the history's API keys is tried: several looks at Google."""


class Settling:
    """
    Brings the jobs of a history to their ends and looks at what has become of them.

    Args:
        world: healed.
        wishes: the jobs that there are or were.
        deeds: what others than the operator did.
    """

    def __init__(self, world: World, wishes: Sequence[Wish], deeds: Deeds) -> None:
        self._world = world
        self._wishes = [wish for wish in wishes if wish.uid]
        self._deeds = deeds
        self._keys = cycle(world.keys)
        self._wanted: dict[str, str] = {}

    def run(self) -> None:
        """Raise AssertionError with everything that is not as it should be."""
        self._wait(self._open_ends)
        self._note_holders()
        self._check(self._live_ends())
        self._check(self._vanished())
        self._note_taken_over()
        for wish in self._wishes:
            if not wish.deleted:
                self._world.user.delete(wish.name)
                wish.deleted = True
        self._wait(self._not_gone)
        self._check(self._accounts())

    # Until all is still

    def _wait(self, ask: Callable[[], list[str]]) -> None:
        begun, tried = time.monotonic(), 0
        while open_ends := ask():
            self._check(self._world.versions.broken)
            if time.monotonic() > begun + KEY_PAUSE * (tried + 1):
                tried += 1
                self._put_back_a_key()
            if time.monotonic() > begun + PATIENCE:
                self._check([f"after {PATIENCE:g} s {what}" for what in open_ends])
            time.sleep(PAUSE)

    def _put_back_a_key(self) -> None:
        """What a job asks for whose batch is not found with the key that the Secret has got."""
        if self._wanted:
            name = next(iter(self._wanted))
            self._world.user.put_key(self._wanted.pop(name))
        elif len(self._world.keys) > 1:
            self._world.user.put_key(next(self._keys))

    def _open_ends(self) -> list[str]:
        batches = self._world.google.batches()
        bodies = {b["metadata"]["uid"]: b for b in self._world.user.list()["items"]}
        found = []
        for wish in self._wishes:
            body = bodies.get(wish.uid)
            what = self._missing(wish, body, batches)
            if what:
                found.append(f"{wish.name} {what}")
        return found

    def _missing(self, wish: Wish, body: Body | None, batches: Sequence[Batch]) -> str:
        """What a job still has to come to; empty once it has."""
        if body is None:
            return "" if wish.deleted or wish.short_lived else "has disappeared"
        if wish.deleted or deleting(body):
            return f"is being deleted: {_story(body)}"
        if "completionTime" in status_of(body):
            return self._missing_after_the_end(wish, body, batches)
        what = self._missing_before_the_end(wish, body, batches)
        return f"{what}: {_story(body)}" if what else _unobserved(body)

    def _missing_after_the_end(self, wish: Wish, body: Body, batches: Sequence[Batch]) -> str:
        if wish.short_lived:
            return "has a TTL, and has ended"
        given_up = [a["id"] for a in superseded_of(body).values() if "reason" not in a]
        mine = [b for b in batches if b.owner == wish.uid[:8] and b.there]
        loose = [b.name for b in mine if b.attempt in given_up]
        return f"has not dealt with {', '.join(loose)}" if loose else _unobserved(body)

    def _missing_before_the_end(self, wish: Wish, body: Body, batches: Sequence[Batch]) -> str:
        stalled = conditions_of(body).get("Stalled", {})
        if is_true(body, "Stalled") and stalled["reason"] == "AmbiguousSubmission":
            return self._resolve(wish, body)
        if is_true(body, "Stalled") and stalled["reason"] == "KeyChanged":
            key = self._world.key_of(wish.uid, attempt_of(body).get("apiKeyFingerprint", ""))
            if key is None:
                self._check([f"{wish.name} was submitted with a key that nobody has given"])
            else:
                self._wanted.setdefault(wish.name, key)
            return "wants its earlier key"
        if wish.shutdown or ("activeDeadlineSeconds" in wish.spec and not wish.suspended):
            return "has to be ended"
        mine = [b for b in batches if b.owner == wish.uid[:8] and b.open]
        if wish.suspended:
            held_back = is_true(body, "Suspended") and not attempt_of(body) and not mine
            return "" if held_back else "is to be suspended"
        kept = [b for b in batches if b.name == attempt_of(body).get("batchName")]
        if kept and kept[0].open:
            self._world.google.end(kept[0].name, "succeed")
        return "has to complete"

    def _resolve(self, wish: Wish, body: Body) -> str:
        """Do what Stalled asks for, which may only be asked for after three unclear creates."""
        reasons = [a.get("reason") for a in superseded_of(body).values()]
        if sum(reason in (None, "DuplicateCancelled") for reason in reasons) < 3:
            return "is ambiguous without a reason"
        attempt = attempt_of(body)["id"]
        if attempt not in str(body["metadata"].get("annotations")):
            wish.resubmitted.add(attempt)
            self._world.user.annotate(wish.name, resolve_submission=f"Resubmit:{attempt}")
        return "is ambiguous"

    def _not_gone(self) -> list[str]:
        left = {b["metadata"]["uid"]: b for b in self._world.user.list()["items"]}
        seen = self._world.versions
        return [
            f"{wish.name} is not gone: {_story(left.get(wish.uid, {}))}"
            for wish in self._wishes
            if wish.uid in left or not seen.gone(wish.uid)
        ]

    # What has become of them

    def _note_holders(self) -> None:
        """Who has had or claimed which batch, so that others cannot adopt it."""
        for wish in self._wishes:
            body = self._world.user.get(wish.name)
            if body is not None and body["metadata"]["uid"] == wish.uid:
                self._world.versions.wait_for(body)
            for version in self._world.versions.all(wish.uid):
                batch = status_of(version).get("batchName", "")
                self._deeds.holders.setdefault(batch, set()).add(wish.uid)

    def _live_ends(self) -> list[str]:
        found: list[str] = []
        batches = self._world.google.batches()
        for wish in self._wishes:
            body = self._world.user.get(wish.name)
            if body is None or body["metadata"]["uid"] != wish.uid or deleting(body):
                continue
            if "completionTime" in status_of(body):
                found += ends.unjustified(wish, body, batches, self._deeds)
            if "completionTime" in status_of(body) and wish.output:
                config_map = self._world.user.config_map(wish.output)
                found += ends.undelivered(wish, body, config_map)
            found += self._booked(wish, batches)
        return found

    def _vanished(self) -> list[str]:
        versions = self._world.versions
        gone = [w for w in self._wishes if not w.deleted and versions.gone(w.uid)]
        return [what for w in gone for what in ends.vanished(w, versions.last(w.uid))]

    def _accounts(self) -> list[str]:
        batches = self._world.google.batches()
        found = list(self._world.versions.broken) + self._world.alarms()
        for wish in self._wishes:
            last = self._world.versions.last(wish.uid)
            if "completionTime" in status_of(last):
                found += ends.unjustified(wish, last, batches, self._deeds)
            found += self._booked(wish, batches)
            found += books.left_behind(wish, last, batches, self._deeds)
        return found

    def _booked(self, wish: Wish, batches: Sequence[Batch]) -> list[str]:
        mine = [b for b in batches if b.owner == wish.uid[:8]]
        versions = self._world.versions.all(wish.uid)
        return books.unpaid_for(wish, versions, mine, self._deeds)

    def _note_taken_over(self) -> None:
        """What a job has adopted is not any more its first owner's."""
        for wish in self._wishes:
            if wish.adopts and attempt_of(self._world.versions.last(wish.uid)):
                self._deeds.taken_over.add(wish.adopts)
                self._deeds.deleted.add(wish.adopts)
                self._deeds.cancelled.add(wish.adopts)

    @staticmethod
    def _check(complaints: Sequence[str]) -> None:
        if complaints:
            raise AssertionError("\n".join(dict.fromkeys(complaints)))


def _unobserved(body: Body) -> str:
    generation = body["metadata"]["generation"]
    observed = status_of(body).get("observedGeneration")
    return "" if observed == generation else f"has generation {generation}, observed {observed}"


def _story(body: Body) -> Any:
    said = (
        {c["type"]: f"{c['status']}/{c['reason']}" for c in conditions_of(body).values()}
        if body
        else {}
    )
    return f"{status_of(body).get('state')} {said} {dict(attempt_of(body))}" if body else "unseen"
