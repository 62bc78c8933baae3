"""The end of a history: every fault is removed, and every job must reach its expected outcome."""

import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from tests.histories import ledger, outcomes
from tests.histories.environment import BAD_KEY, Environment
from tests.histories.expected import ExpectedJob, OutsideActions
from tests.histories.google import Batch
from tests.histories.invariants import (
    Body,
    attempt_of,
    conditions_of,
    deleting,
    is_true,
    status_of,
    superseded_of,
)

PATIENCE = 60.0
"""Seconds in which every job must reach its outcome. It needs a small part of them."""

PAUSE = 0.1

KEY_PAUSE = 6.0
"""Seconds after which another of the history's API keys is put into the Secret.

The controller reads Google several times in them.
"""


class ConvergenceCheck:
    """
    Bring the jobs of a history to their outcomes and check every status, batch and result.

    Args:
        environment: without any fault.
        jobs: those that exist or existed in the history.
        actions: what others than the operator did.
    """

    def __init__(
        self, environment: Environment, jobs: Sequence[ExpectedJob], actions: OutsideActions
    ) -> None:
        self._environment = environment
        self._jobs = [job for job in jobs if job.uid]
        self._actions = actions
        self._keys = cycle(environment.keys)
        self._wanted_keys: dict[str, str] = {}

    def run(self) -> None:
        """Raise AssertionError with every problem that was found."""
        self._wait(self._unconverged)
        self._note_holders()
        self._check(self._outcomes())
        self._check(self._disappearances())
        self._note_taken_over()
        for job in self._jobs:
            if not job.deleted:
                self._environment.client.delete(job.name)
                job.deleted = True
        self._wait(self._not_gone)
        self._check(self._final_problems())

    # Waiting

    def _wait(self, find: Callable[[], list[str]]) -> None:
        started, tried = time.monotonic(), 0
        while problems := find():
            self._check(self._environment.versions.violations)
            if time.monotonic() > started + KEY_PAUSE * (tried + 1):
                tried += 1
                self._put_back_a_key()
            if time.monotonic() > started + PATIENCE:
                self._check([f"after {PATIENCE:g} s {what}" for what in problems])
            time.sleep(PAUSE)

    def _put_back_a_key(self) -> None:
        """Write the API key that a job needs to find its batch back into the Secret."""
        if self._wanted_keys:
            name = next(iter(self._wanted_keys))
            self._environment.client.put_key(self._wanted_keys.pop(name))
        elif len(self._environment.keys) > 1:
            self._environment.client.put_key(next(self._keys))

    def _want_key(self, job: ExpectedJob, body: Body) -> None:
        """Note the key with which the job was submitted: with another one, "not found" is no end.

        It may be the key of the history before, as the controller caches keys.
        """
        recorded = attempt_of(body).get("apiKeyFingerprint")
        if recorded is None:
            return
        key = self._environment.key_of(job.uid, recorded)
        if key is None:
            self._check([f"{job.name} was submitted with a key that nobody has given"])
        else:
            self._wanted_keys.setdefault(job.name, key)

    def _want_key_to_delete(self, job: ExpectedJob, body: Body) -> None:
        """Note the key that a deletion waits for; force it if no single key can end the wait.

        A key that Google refuses cannot show that there is no batch, and one list cannot show it for
        two keys. The operator would give up after two minutes.
        """
        given_up = [a for a in superseded_of(body).values() if "reason" not in a]
        recorded = {a.get("apiKeyFingerprint") for a in (attempt_of(body), *given_up)} - {None}
        keys = {self._environment.key_of(job.uid, str(each)) for each in recorded}
        if keys == {None} or (len(keys) < 2 and BAD_KEY not in keys):
            alone = attempt_of(body) or next(iter(given_up), {})
            self._want_key(job, {"status": {"attempt": alone}})
        elif conditions_of(body).get("Stalled", {}).get("reason") == "DeletionBlocked":
            job.forced = True
            self._environment.client.annotate(job.name, force_delete="true")

    def _unconverged(self) -> list[str]:
        batches = self._environment.google.batches()
        bodies = {b["metadata"]["uid"]: b for b in self._environment.client.list()["items"]}
        found = []
        for job in self._jobs:
            body = bodies.get(job.uid)
            what = self._missing(job, body, batches)
            if what:
                found.append(f"{job.name} {what}")
        return found

    def _missing(self, job: ExpectedJob, body: Body | None, batches: Sequence[Batch]) -> str:
        """What a job has not reached yet; empty once it has converged."""
        if body is None:
            return "" if job.deleted or job.has_ttl else "has disappeared"
        if job.deleted or deleting(body):
            self._want_key_to_delete(job, body)
            return f"is being deleted: {_summary(body)}"
        if "completionTime" in status_of(body):
            return self._missing_after_the_end(job, body, batches)
        what = self._missing_before_the_end(job, body, batches)
        return f"{what}: {_summary(body)}" if what else _unobserved(body)

    def _missing_after_the_end(self, job: ExpectedJob, body: Body, batches: Sequence[Batch]) -> str:
        if job.has_ttl:
            return "has ended and is not deleted by its TTL"
        given_up = [a["id"] for a in superseded_of(body).values() if "reason" not in a]
        mine = [b for b in batches if b.owner == job.uid[:8] and b.exists]
        loose = [b.name for b in mine if b.attempt in given_up]
        return f"has not dealt with {', '.join(loose)}" if loose else _unobserved(body)

    def _missing_before_the_end(
        self, job: ExpectedJob, body: Body, batches: Sequence[Batch]
    ) -> str:
        stalled = conditions_of(body).get("Stalled", {})
        if is_true(body, "Stalled") and stalled["reason"] == "AmbiguousSubmission":
            return self._resolve(job, body)
        if is_true(body, "Stalled") and stalled["reason"] == "KeyChanged":
            self._want_key(job, body)
            return "wants its earlier key"
        if job.shutdown or ("activeDeadlineSeconds" in job.spec and not job.suspended):
            return "has to be ended"
        mine = [b for b in batches if b.owner == job.uid[:8] and b.open]
        if job.suspended:
            held_back = is_true(body, "Suspended") and not attempt_of(body) and not mine
            return "" if held_back else "is to be suspended"
        kept = [b for b in batches if b.name == attempt_of(body).get("batchName")]
        if kept and kept[0].open:
            self._environment.google.end(kept[0].name, "succeed")
        return "has to complete"

    def _resolve(self, job: ExpectedJob, body: Body) -> str:
        """Resolve an ambiguous create as the Stalled message asks.

        The operator may ask only after three creates whose outcome is unknown, or if the Secret no
        longer holds the API key of the create.
        """
        attempt = attempt_of(body)
        if "no longer holds the API key" in conditions_of(body)["Stalled"]["message"]:
            recorded = str(attempt.get("apiKeyFingerprint"))
            if self._environment.key_of(job.uid, recorded) != BAD_KEY:
                self._want_key(job, body)
            else:
                # Google has no batch of a key that it refuses, and can never list it.
                self._resubmit(job, body)
            return "is ambiguous, and wants its earlier key"
        reasons = [a.get("reason") for a in superseded_of(body).values()]
        if sum(reason in (None, "DuplicateCancelled") for reason in reasons) < 3:
            return "is ambiguous without a reason"
        self._resubmit(job, body)
        return "is ambiguous"

    def _resubmit(self, job: ExpectedJob, body: Body) -> None:
        attempt = attempt_of(body)["id"]
        if attempt not in str(body["metadata"].get("annotations")):
            job.resubmitted.add(attempt)
            self._environment.client.annotate(job.name, resolve_submission=f"Resubmit:{attempt}")

    def _not_gone(self) -> list[str]:
        left = {b["metadata"]["uid"]: b for b in self._environment.client.list()["items"]}
        seen = self._environment.versions
        for job in self._jobs:
            if job.uid in left:
                self._want_key_to_delete(job, left[job.uid])
        return [
            f"{job.name} is not gone: {_summary(left.get(job.uid, {}))}"
            for job in self._jobs
            if job.uid in left or not seen.was_deleted(job.uid)
        ]

    # Checks

    def _note_holders(self) -> None:
        """Record which job has ever owned or claimed a batch: no other job may adopt it."""
        for job in self._jobs:
            body = self._environment.client.get(job.name)
            if body is not None and body["metadata"]["uid"] == job.uid:
                self._environment.versions.wait_for(body)
            for version in self._environment.versions.all(job.uid):
                batch = status_of(version).get("batchName", "")
                self._actions.holders.setdefault(batch, set()).add(job.uid)

    def _outcomes(self) -> list[str]:
        found: list[str] = []
        batches = self._environment.google.batches()
        for job in self._jobs:
            body = self._environment.client.get(job.name)
            if body is None or body["metadata"]["uid"] != job.uid or deleting(body):
                continue
            if "completionTime" in status_of(body):
                found += outcomes.outcome_problems(job, body, batches, self._actions)
            if "completionTime" in status_of(body) and job.output:
                config_map = self._environment.client.config_map(job.output)
                found += outcomes.output_problems(job, body, config_map)
            found += self._batch_problems(job, batches)
        return found

    def _disappearances(self) -> list[str]:
        versions = self._environment.versions
        return [
            problem
            for job in self._jobs
            if not job.deleted and versions.was_deleted(job.uid)
            for problem in outcomes.disappearance_problems(job, versions.last(job.uid))
        ]

    def _final_problems(self) -> list[str]:
        batches = self._environment.google.batches()
        found = list(self._environment.versions.violations) + self._environment.error_lines()
        for job in self._jobs:
            last = self._environment.versions.last(job.uid)
            if "completionTime" in status_of(last):
                found += outcomes.outcome_problems(job, last, batches, self._actions)
            found += self._batch_problems(job, batches)
            found += ledger.leftover_problems(job, last, batches, self._actions)
        return found

    def _batch_problems(self, job: ExpectedJob, batches: Sequence[Batch]) -> list[str]:
        mine = [b for b in batches if b.owner == job.uid[:8]]
        versions = self._environment.versions.all(job.uid)
        return ledger.batch_problems(job, versions, mine, self._actions)

    def _note_taken_over(self) -> None:
        """Record adopted batches: their first owner no longer deletes or cancels them."""
        for job in self._jobs:
            if job.adopts and attempt_of(self._environment.versions.last(job.uid)):
                self._actions.taken_over.add(job.adopts)
                self._actions.deleted.add(job.adopts)
                self._actions.cancelled.add(job.adopts)

    @staticmethod
    def _check(problems: Sequence[str]) -> None:
        if problems:
            raise AssertionError("\n".join(dict.fromkeys(problems)))


def _unobserved(body: Body) -> str:
    generation = body["metadata"]["generation"]
    observed = status_of(body).get("observedGeneration")
    return "" if observed == generation else f"has generation {generation}, observed {observed}"


def _summary(body: Body) -> Any:
    said = (
        {c["type"]: f"{c['status']}/{c['reason']}" for c in conditions_of(body).values()}
        if body
        else {}
    )
    return f"{status_of(body).get('state')} {said} {dict(attempt_of(body))}" if body else "unseen"
