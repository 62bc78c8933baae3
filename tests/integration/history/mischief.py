"""What others do: Google, whoever knows a callback address, networks and machines."""

import time

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.integration.history.scene import ANY, Scene
from tests.integration.history.steps import step
from tests.integration.history.trouble import FAULTS, MOST_LAG, Fault

MOST_KILLS = 2
MOST_REFUSALS = 2


class Mischief(Scene):
    """Trouble of every kind, and its end."""

    def __init__(self) -> None:
        super().__init__()
        self.kills = 0
        self.refusals = 0
        self.down: set[str] = set()
        self.blocked: set[str] = set()
        self.paused = False

    # Google

    @precondition(lambda self: self.wishes)
    @step(which=ANY, how=st.sampled_from(["succeed", "succeed", "fail", "expire", "cancel"]))
    def end_at_google(self, *, which: int, how: str) -> None:
        wish = self.job(which)
        mine = [b.name for b in self.world.google.of(wish.uid) if b.open]
        for batch in mine or [wish.adopts]:
            if self.world.google.end(batch, how) and how == "cancel":
                self.deeds.cancelled.add(batch)

    @precondition(lambda self: self.wishes)
    @step(which=ANY)
    def vanish(self, *, which: int) -> None:
        mine = self.world.google.of(self.job(which).uid)
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

    @step(seconds=st.sampled_from([0.3, MOST_LAG]))
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
        uris = [uri for b in self.world.google.of(self.job(which).uid) for uri in b.uris][-1:]
        key = self.world.key if same_project else "emulator-stranger-0000000001"
        batch = self.world.google.submit("a stranger's", key, uris)
        if batch:
            self.world.google.end(batch, how)

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
