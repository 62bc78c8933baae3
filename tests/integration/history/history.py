"""One history: whatever users, Google, networks and machines may do, in random order."""

import sys
import time
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.errors import StopTest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition

from tests.integration.history.settling import Settling
from tests.integration.history.steps import step
from tests.integration.history.trouble import FAULTS, Fault
from tests.integration.history.wish import Deeds, Wish
from tests.integration.history.world import BAD_KEY, World

MOST_JOBS = 4
MOST_KILLS = 2
MOST_REFUSALS = 2

ANY = st.integers(0, 11)
"""Which of the jobs, batches or events that there are, modulo their number."""

rarely = st.sampled_from([False, False, False, True])

Spec = dict[str, Any]


def specs() -> st.SearchStrategy[Spec]:
    """Of a job with inline requests; a TTL needs a place for the results."""
    return st.fixed_dictionaries(
        {
            "texts": st.sampled_from(
                [("Say one.",), ("Say one.", "[[fail]] two"), ("a", "b", "c")]
            ),
            "suspend": st.sampled_from([None, None, None, True]),
            "output": st.sampled_from([None, {}]),
            "backoffLimit": st.sampled_from([None, None, None, 1]),
            "activeDeadlineSeconds": st.sampled_from([None, None, None, 2]),
            "deletionPolicy": st.sampled_from([None, None, "Delete", "Orphan"]),
            "ttlSecondsAfterFinished": st.sampled_from([None, None, None, 0, 1]),
        }
    )


class History(RuleBasedStateMachine):
    """
    A machine of hypothesis; its rules are the steps.

    What may be drawn next depends on earlier steps only, never on what the processes have done.
    """

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.number = self.world.begin()
        self.wishes: list[Wish] = []
        self.past: list[Wish] = []
        self.deeds = Deeds()
        self.lines: list[str] = []
        self.kills = 0
        self.refusals = 0
        self.down: set[str] = set()
        self.blocked: set[str] = set()
        self.paused = False
        self.begun = self.healed = time.monotonic()

    def tell(self, line: str) -> None:
        self.lines.append(f"{time.monotonic() - self.begun:6.2f}  {line}")

    @invariant()
    def nothing_forbidden_was_seen(self) -> None:
        assert not self.world.versions.broken, "\n".join(self.world.versions.broken)

    @invariant()
    def nobody_has_ended_by_himself(self) -> None:
        for who in {"controller", "receiver"} - self.down:
            process = getattr(self.world.operator, who)
            assert process.running(), f"the {who} has ended by itself"

    def teardown(self) -> None:
        """Everything works again; then see what becomes of the jobs."""
        error = sys.exc_info()[1]
        try:
            self.world.heal()
            if error is None:
                self.tell("all trouble is over")
                self.healed = time.monotonic()
                Settling(self.world, [*self.past, *self.wishes], self.deeds).run()
        except BaseException as unsettled:
            error = unsettled
            raise
        finally:
            self._report(error)

    # Jobs

    @initialize(first=specs(), second=specs())
    def begin(self, *, first: Spec, second: Spec) -> None:
        """No history is without jobs, whichever rules hypothesis leaves out of it."""
        for spec in (first, second):
            self._create_new(spec)

    @precondition(lambda self: len(self.wishes) < MOST_JOBS)
    @step(spec=specs())
    def create(self, *, spec: Spec) -> None:
        self._create_new(spec)

    @precondition(lambda self: 0 < len(self.wishes) < MOST_JOBS)
    @step(
        source=st.sampled_from(["by hand", "by hand", "another job's", "unknown"]),
        which=ANY,
        previous=st.booleans(),
        policy=st.sampled_from(["Delete", "Orphan"]),
        output=st.booleans(),
    )
    def adopt(self, *, source: str, which: int, previous: bool, policy: str, output: bool) -> None:
        wish, other = Wish(self._new_name()), self._job(which)
        batch = "batches/nobody-knows-it"
        if source == "by hand":
            batch = self.world.google.submit("by hand", self.world.key) or batch
        if source == "another job's":
            theirs = self.world.google.of(other.uid)
            batch = theirs[-1].name if theirs else batch
        terms = {"batchName": batch}
        if previous and other.uid:
            terms["previousUID"] = other.uid
        wish.asked(
            adopt=terms,
            deletionPolicy=policy,
            output={"configMap": {"name": wish.name}} if output else None,
        )
        self._create(wish)
        self.wishes.append(wish)

    @precondition(lambda self: self.wishes)
    @step(which=ANY, on=st.booleans())
    def suspend(self, *, which: int, on: bool) -> None:
        self._edit(self._job(which), suspend=on)

    @precondition(lambda self: self.wishes)
    @step(which=ANY)
    def shut_down(self, *, which: int) -> None:
        self._edit(self._job(which), shutdown="Cancel")

    @precondition(lambda self: self.wishes)
    @step(which=ANY, seconds=st.sampled_from([1, 3, None]), retries=st.sampled_from([0, 1]))
    def edit_limits(self, *, which: int, seconds: int | None, retries: int) -> None:
        wish = self._job(which)
        self._edit(wish, activeDeadlineSeconds=seconds)
        self._edit(wish, backoffLimit=retries)

    @precondition(lambda self: self.wishes)
    @step(which=ANY, policy=st.sampled_from(["Delete", "Orphan"]))
    def edit_policy(self, *, which: int, policy: str) -> None:
        wish = self._job(which)
        if not (wish.deleted or wish.short_lived):
            self._edit(wish, deletionPolicy=policy)

    @precondition(lambda self: self.wishes)
    @step(which=ANY)
    def refresh(self, *, which: int) -> None:
        self.world.user.annotate(self._job(which).name, requested_at=str(len(self.lines)))

    @precondition(lambda self: self.wishes)
    @step(which=ANY, force=rarely)
    def delete(self, *, which: int, force: bool) -> None:
        wish = self._job(which)
        wish.forced |= force
        if force:
            self.world.user.annotate(wish.name, force_delete="true")
        self.world.user.delete(wish.name)
        wish.deleted = True

    @precondition(lambda self: self.wishes)
    @step(which=ANY)
    def create_again(self, *, which: int) -> None:
        """Another object with the same name, once the first is gone."""
        old = self._job(which)
        if old.adopts or not old.uid or not old.deleted:
            return
        new = Wish(old.name, old.texts)
        if self._create(new):
            self.past.append(old)
            self.wishes[self.wishes.index(old)] = new

    # Google

    @precondition(lambda self: self.wishes)
    @step(which=ANY, how=st.sampled_from(["succeed", "succeed", "fail", "expire", "cancel"]))
    def end_at_google(self, *, which: int, how: str) -> None:
        wish = self._job(which)
        mine = [b.name for b in self.world.google.of(wish.uid) if b.open]
        for batch in mine or [wish.adopts]:
            if self.world.google.end(batch, how) and how == "cancel":
                self.deeds.cancelled.add(batch)

    @precondition(lambda self: self.wishes)
    @step(which=ANY)
    def vanish(self, *, which: int) -> None:
        mine = self.world.google.of(self._job(which).uid)
        for batch in [b.name for b in mine if b.there][-1:]:
            self.deeds.deleted.add(batch)
            self.world.google.delete(batch)

    @step(fault=st.sampled_from(FAULTS), times=st.sampled_from([1, 1, 2]))
    def fault(self, *, fault: Fault, times: int) -> None:
        if fault.says_no:
            self.refusals += 1
            if self.refusals > MOST_REFUSALS:
                return
            times = 1
        self.deeds.refusals |= fault.for_good
        fault.add(self.world.emulator, times)

    @step(route=st.sampled_from(["batches.*", "batches.list", "batches.get", "jwks"]))
    def outage(self, *, route: str) -> None:
        """Until it is over; a create without an answer is none that was carried out."""
        self.world.emulator.fault(route, "status", status=503, count=None)

    @step(seconds=st.sampled_from([0.3, 1.0]))
    def hide_young_batches(self, *, seconds: float) -> None:
        self.world.emulator.fault("batches.list", "lag", delaySeconds=seconds)

    @step()
    def google_works_again(self) -> None:
        self.world.emulator.clear_faults()

    # Callbacks

    @step(which=ANY)
    def deliver_again(self, *, which: int) -> None:
        events = self.world.google.deliveries()
        if events:
            self.world.google.deliver_again(events[which % len(events)])

    @precondition(lambda self: self.wishes)
    @step(which=ANY, how=st.sampled_from(["succeed", "fail", "cancel"]), same_project=st.booleans())
    def strangers_event(self, *, which: int, how: str, same_project: bool) -> None:
        """Somebody who knows the job's address has Google sign an event about another batch."""
        uris = [uri for b in self.world.google.of(self._job(which).uid) for uri in b.uris][-1:]
        key = self.world.key if same_project else "emulator-stranger-0000000001"
        batch = self.world.google.submit("a stranger's", key, uris)
        if batch:
            self.world.google.end(batch, how)

    # Keys

    @step(what=st.sampled_from(["bad", "gone", "rotated", "back"]))
    def key(self, *, what: str) -> None:
        match what:
            case "bad":
                self.world.user.put_key(BAD_KEY)
            case "gone":
                self.world.user.delete_key()
            case "rotated":
                self.deeds.rotated = True
                self.world.key = f"{self.world.key[:-1]}{len(self.lines) % 10}"
                self.world.user.put_key(self.world.key)
            case _:
                self.world.user.put_key(self.world.key)

    # Machines and networks

    @precondition(lambda self: self.kills < MOST_KILLS and not self.down)
    @step(who=st.sampled_from(["controller", "controller", "receiver"]))
    def kill(self, *, who: str) -> None:
        self.kills += 1
        self.paused &= who != "controller"
        self.down.add(who)
        self.world.kill(who)

    @precondition(lambda self: self.down)
    @step()
    def restart(self) -> None:
        for who in self.down:
            self.world.start(who)
        self.down.clear()

    @precondition(lambda self: "controller" not in self.down and not self.paused)
    @step()
    def pause(self) -> None:
        self.paused = True
        self.world.pause()

    @precondition(lambda self: self.paused)
    @step()
    def resume(self) -> None:
        self.paused = False
        self.world.resume()

    @step(
        who=st.sampled_from(["controller", "receiver"]),
        what=st.sampled_from(["refuse", "hang", "lose answers", "interrupt"]),
    )
    def api_server_trouble(self, *, who: str, what: str) -> None:
        way = self.world.ways[who]
        self.blocked.add(who)
        match what:
            case "refuse":
                way.refuse()
            case "hang":
                way.block()
            case "lose answers":
                way.block(answers_only=True)
            case _:
                way.interrupt()

    @precondition(lambda self: self.blocked)
    @step(late=st.booleans())
    def api_server_works_again(self, *, late: bool) -> None:
        """What hung comes late, or never."""
        for who in self.blocked:
            way = self.world.ways[who]
            way.unblock() if late else way.interrupt()
        self.blocked.clear()

    @step()
    def time_passes(self) -> None:
        time.sleep(1.0)

    # Inside

    def _job(self, which: int) -> Wish:
        return self.wishes[which % len(self.wishes)]

    def _new_name(self) -> str:
        return f"h{self.number}-{len(self.wishes)}"

    def _create_new(self, spec: Spec) -> None:
        texts, wanted = spec["texts"], {k: v for k, v in spec.items() if k != "texts"}
        wish = Wish(self._new_name(), texts)
        wish.asked(**wanted)
        if wanted["output"] is not None:
            wish.asked(output={"configMap": {"name": wish.name}})
        elif not wish.orphan:
            wish.asked(ttlSecondsAfterFinished=None)
        self._create(wish)
        self.wishes.append(wish)

    def _create(self, wish: Wish) -> bool:
        """Whether the API server takes it."""
        body = self.world.user.create(wish.manifest())
        if body is not None:
            wish.uid = body["metadata"]["uid"]
        return body is not None

    def _edit(self, wish: Wish, **spec: object) -> None:
        """A finished job, or one that is being deleted, takes edits too; some are refused."""
        if self.world.user.patch(wish.name, spec=spec) is not None:
            wish.asked(**spec)

    def _report(self, error: BaseException | None) -> None:
        seconds, settled = time.monotonic() - self.begun, time.monotonic() - self.healed
        # Now and then hypothesis draws more than it wants, and ends a history early.
        verdict = "cut short" if isinstance(error, StopTest) else "FAILED" if error else "ok"
        jobs, batches = len(self.wishes), len(self.world.google.batches())
        report = (
            f"history {self.number}: {verdict} in {seconds:.1f} s ({settled:.1f} s to settle), "
        )
        sys.__stdout__.write(f"{report}{jobs} jobs, {batches} batches\n")
        sys.__stdout__.flush()
        if verdict == "FAILED":
            sys.stdout.write("\n".join([*self.lines, self.world.story(), ""]))
