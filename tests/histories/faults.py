"""Steps of others than users: faults of Google, callbacks, networks and machines."""

import time

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.histories.outages import MOST_LAG, REQUEST_FAULTS, RequestFault
from tests.histories.state_machine import ANY, HistoryStateMachine
from tests.histories.steps import step

MOST_KILLS = 2
MOST_REFUSALS = 2


class FaultSteps(HistoryStateMachine):
    """Faults of every kind, and the steps that end them."""

    def __init__(self) -> None:
        super().__init__()
        self.kills = 0
        self.refusals = 0
        self.down: set[str] = set()
        self.blocked: set[str] = set()
        self.paused = False

    # Google

    @precondition(lambda self: self.jobs)
    @step(which=ANY, how=st.sampled_from(["succeed", "succeed", "fail", "expire", "cancel"]))
    def end_at_google(self, *, which: int, how: str) -> None:
        job = self.job(which)
        mine = [b.name for b in self.environment.google.batches_of(job.uid) if b.open]
        for batch in mine or [job.adopts]:
            if self.environment.google.end(batch, how) and how == "cancel":
                self.actions.cancelled.add(batch)

    @precondition(lambda self: self.jobs)
    @step(which=ANY)
    def vanish(self, *, which: int) -> None:
        """A person deletes the job's newest batch at Google."""
        mine = self.environment.google.batches_of(self.job(which).uid)
        for batch in [b.name for b in mine if b.exists][-1:]:
            self.actions.deleted.add(batch)
            self.environment.google.delete(batch)

    @step(fault=st.sampled_from(REQUEST_FAULTS), times=st.sampled_from([1, 1, 2]))
    def fault(self, *, fault: RequestFault, times: int) -> None:
        if fault.slows_down:
            self.refusals += 1
            if self.refusals > MOST_REFUSALS:
                return
            times = 1
        self.actions.refusals |= fault.permanent
        fault.add(self.environment.emulator, times)

    @step(route=st.sampled_from(["batches.*", "batches.list", "batches.get", "jwks"]))
    def outage(self, *, route: str) -> None:
        """Every request of the route fails until the outage ends. No create is executed meanwhile."""
        self.environment.emulator.fault(route, "status", status=503, count=None)

    @step(seconds=st.sampled_from([0.3, MOST_LAG]))
    def hide_young_batches(self, *, seconds: float) -> None:
        self.environment.emulator.fault("batches.list", "lag", delaySeconds=seconds)

    @step()
    def google_works_again(self) -> None:
        self.environment.emulator.clear_faults()

    # Callbacks

    @step(which=ANY)
    def deliver_again(self, *, which: int) -> None:
        events = self.environment.google.deliveries()
        if events:
            self.environment.google.deliver_again(events[which % len(events)])

    @precondition(lambda self: self.jobs)
    @step(which=ANY, how=st.sampled_from(["succeed", "fail", "cancel"]), same_project=st.booleans())
    def strangers_event(self, *, which: int, how: str, same_project: bool) -> None:
        """Deliver an event of another batch to the job's callback address, signed by Google."""
        uris = [
            uri for b in self.environment.google.batches_of(self.job(which).uid) for uri in b.uris
        ][-1:]
        key = self.environment.key if same_project else "emulator-stranger-0000000001"
        batch = self.environment.google.submit("a stranger's", key, uris)
        if batch:
            self.environment.google.end(batch, how)

    # Machines and networks

    @precondition(lambda self: self.kills < MOST_KILLS and not self.down)
    @step(who=st.sampled_from(["controller", "controller", "receiver"]))
    def kill(self, *, who: str) -> None:
        self.kills += 1
        self.paused &= who != "controller"
        self.down.add(who)
        self.environment.kill(who)

    @precondition(lambda self: self.down)
    @step()
    def restart(self) -> None:
        for who in self.down:
            self.environment.start(who)
        self.down.clear()

    @precondition(lambda self: "controller" not in self.down and not self.paused)
    @step()
    def pause(self) -> None:
        self.paused = True
        self.environment.pause()

    @precondition(lambda self: self.paused)
    @step()
    def resume(self) -> None:
        self.paused = False
        self.environment.resume()

    @step(
        who=st.sampled_from(["controller", "receiver"]),
        what=st.sampled_from(["refuse", "hang", "lose answers", "interrupt"]),
    )
    def api_server_trouble(self, *, who: str, what: str) -> None:
        forwarder = self.environment.forwarders[who]
        self.blocked.add(who)
        match what:
            case "refuse":
                forwarder.refuse()
            case "hang":
                forwarder.block()
            case "lose answers":
                forwarder.block(answers_only=True)
            case _:
                forwarder.interrupt()

    @precondition(lambda self: self.blocked)
    @step(late=st.booleans())
    def api_server_works_again(self, *, late: bool) -> None:
        """Unblock the API server. Requests that hung arrive late, or never."""
        for who in self.blocked:
            forwarder = self.environment.forwarders[who]
            forwarder.unblock() if late else forwarder.interrupt()
        self.blocked.clear()

    @step()
    def time_passes(self) -> None:
        time.sleep(1.0)
