"""One history: random steps of users, Google, networks and machines."""

import sys
import time

from hypothesis.errors import StopTest
from hypothesis.stateful import initialize, invariant

from tests.histories.convergence import ConvergenceCheck
from tests.histories.faults import MOST_KILLS, FaultSteps
from tests.histories.planned_steps import PlannedStep, planned_steps
from tests.histories.state_machine import Spec, specs
from tests.histories.user_steps import UserSteps


class History(UserSteps, FaultSteps):
    """A state machine of hypothesis whose rules are the steps."""

    def __init__(self) -> None:
        super().__init__()
        self._plan: tuple[PlannedStep, ...] = ()
        self._in_plan = False
        self._drawn = 0
        self.recovered_at = self.started

    @initialize(first=specs(), second=specs(), plan=planned_steps())
    def begin(self, *, first: Spec, second: Spec, plan: tuple[PlannedStep, ...]) -> None:
        """Create two jobs and keep the planned steps, as hypothesis may leave out any rule."""
        self._plan = plan
        for spec in (first, second):
            self.create_new(spec)

    def after_step(self) -> None:
        """Run the planned steps that follow the drawn step, if their preconditions hold."""
        if self._in_plan:
            return
        self._drawn += 1
        self._in_plan = True
        for name, arguments in [call for one in self._plan for call in one.due(self._drawn)]:
            if name != "kill" or (not self.down and self.kills < MOST_KILLS):
                getattr(self, name)(pause=0.0, **arguments)
        self._in_plan = False

    @invariant()
    def no_version_violates_an_invariant(self) -> None:
        assert not self.environment.versions.violations, "\n".join(
            self.environment.versions.violations
        )

    @invariant()
    def no_process_has_ended_by_itself(self) -> None:
        for who in {"controller", "receiver"} - self.down:
            process = getattr(self.environment.operator, who)
            assert process.running(), f"the {who} has ended by itself"

    def teardown(self) -> None:
        """Remove every fault, then check that every job converges."""
        error = sys.exc_info()[1]
        try:
            self.environment.recover()
            if error is None:
                self.record("every fault is removed")
                self.recovered_at = time.monotonic()
                ConvergenceCheck(self.environment, [*self.replaced, *self.jobs], self.actions).run()
        except BaseException as unconverged:
            error = unconverged
            raise
        finally:
            self._report(error)

    def _report(self, error: BaseException | None) -> None:
        """Print one line for each history, and the steps and logs of one that failed."""
        seconds, converging = time.monotonic() - self.started, time.monotonic() - self.recovered_at
        # Hypothesis ends a history early when it has drawn too much data.
        verdict = "cut short" if isinstance(error, StopTest) else "FAILED" if error else "ok"
        jobs, batches = len(self.replaced) + len(self.jobs), len(self.environment.google.batches())
        sys.stdout.write(
            f"history {self.number}: {verdict} in {seconds:.1f} s ({converging:.1f} s to converge), "
            f"{len(self.lines)} steps, {jobs} jobs, {batches} batches, "
            f"at most {self.environment.versions.max_count} versions\n"
        )
        if verdict == "FAILED":
            sys.stdout.write("\n".join([*self.lines, str(error), self.environment.logs(), ""]))
        sys.stdout.flush()
