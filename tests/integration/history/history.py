"""One history: whatever users, Google, networks and machines may do, in random order."""

import sys
import time

from hypothesis.errors import StopTest
from hypothesis.stateful import initialize, invariant

from tests.integration.history.mischief import MOST_KILLS, Mischief
from tests.integration.history.plan import Planned, plans
from tests.integration.history.scene import Spec, specs
from tests.integration.history.settling import Settling
from tests.integration.history.users import Users


class History(Users, Mischief):
    """A machine of hypothesis; its rules are the steps."""

    def __init__(self) -> None:
        super().__init__()
        self._plan: tuple[Planned, ...] = ()
        self._planned = False
        self._drawn = 0
        self.healed = self.begun

    @initialize(first=specs(), second=specs(), plan=plans())
    def begin(self, *, first: Spec, second: Spec, plan: tuple[Planned, ...]) -> None:
        """No history is without jobs and trouble, whichever rules hypothesis leaves out of it."""
        self._plan = plan
        for spec in (first, second):
            self.create_new(spec)

    def stepped(self) -> None:
        """A drawn step is over: what the plan wants now comes next, where it makes sense."""
        if self._planned:
            return
        self._drawn += 1
        self._planned = True
        for name, arguments in [call for one in self._plan for call in one.due(self._drawn)]:
            if name != "kill" or (not self.down and self.kills < MOST_KILLS):
                getattr(self, name)(pause=0.0, **arguments)
        self._planned = False

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

    def _report(self, error: BaseException | None) -> None:
        """One line for each history, and for one that failed everything that happened in it."""
        seconds, settled = time.monotonic() - self.begun, time.monotonic() - self.healed
        # Now and then hypothesis draws more than it wants, and ends a history early.
        verdict = "cut short" if isinstance(error, StopTest) else "FAILED" if error else "ok"
        jobs, batches = len(self.past) + len(self.wishes), len(self.world.google.batches())
        sys.stdout.write(
            f"history {self.number}: {verdict} in {seconds:.1f} s ({settled:.1f} s to settle), "
            f"{len(self.lines)} steps, {jobs} jobs, {batches} batches, "
            f"at most {self.world.versions.most} versions\n"
        )
        if verdict == "FAILED":
            sys.stdout.write("\n".join([*self.lines, str(error), self.world.story(), ""]))
        sys.stdout.flush()
