"""Lives of jobs, told at random; the same seed tells the same story."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from gemini_operator.api import group
from tests.unit.controller.builders import ADOPTS, NOW, RULES
from tests.unit.controller.lifecycle.google import NEVER, Answer, Batch, Luck
from tests.unit.controller.lifecycle.world import SWEEP, World

GRACE = RULES.create_timeout + RULES.submit_grace
ENDS = tuple(f"BATCH_STATE_{end}" for end in ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"))
SECONDS = (0.0, 1.0, 2.0, RULES.create_timeout, RULES.submit_grace, GRACE, 700.0)
ROUNDS = 20

UNCLEAR: tuple[Answer, ...] = ("batch", "no answer", "lost")
ANSWERS: tuple[Answer, ...] = (*3 * UNCLEAR, "429", "bad key", "rejected", "not sent", "full")
BACKOFF_LIMIT = 3


@dataclass(frozen=True)
class Plot:
    """
    What may happen in a story.

    Args:
        edits: people change their minds.
        trouble: keys go missing or bad, Google is out, lists are incomplete.
        hidden: seconds for which Google may leave a new batch out of its list.
        answers: what creates may end in.
        adopts: the job takes a batch over instead of submitting one.
    """

    edits: bool = True
    trouble: bool = False
    hidden: float = GRACE
    answers: Sequence[Answer] = ANSWERS
    adopts: bool = False


PLOTS = {
    "nobody interferes": Plot(edits=False),
    "edited": Plot(),
    "edited, unclear answers": Plot(answers=UNCLEAR),
    "hidden beyond the grace": Plot(hidden=4 * SWEEP, answers=UNCLEAR),
    "in trouble": Plot(trouble=True),
    "adopting": Plot(trouble=True, adopts=True),
}


@cache
def a_story(title: str, seed: int) -> World:
    """A life as the plot of that title has it, for all to look at and nobody to go on with."""
    return tell(PLOTS[title], seed)


def tell(plot: Plot, seed: int) -> World:
    """Each round something happens, or nothing, and time passes, with or without the controller."""
    chance = random.Random(seed)
    output = chance.random() < 0.5
    spec = dict(ADOPTS) if plot.adopts else {}
    world = World(output, spec, lambda: _luck(chance, plot), chance=random.Random(seed))
    if plot.adopts:
        world.google.batches = [Batch("batches/one", None, NOW)]
    for number in range(ROUNDS):
        _something_happens(world, chance, plot, number)
        away = chance.random() < 0.2
        (world.advance if away else world.live)(chance.choice(SECONDS))
    return world


def settle(world: World) -> World:
    """Everything is well again, for long enough."""
    world.luck, world.key, world.down = Luck, "good", False
    world.wake()
    for _ in range(8):
        world.live(SWEEP)
    return world


def _luck(chance: random.Random, plot: Plot) -> Luck:
    return Luck(
        answer=chance.choice(plot.answers),
        hidden=chance.choice((0.0, plot.hidden / 2, plot.hidden)),
        deaf=chance.choice((0, 0, 1, NEVER)),
        slow=chance.choice((0.0, 3.0, 100.0)),
    )


def _something_happens(world: World, chance: random.Random, plot: Plot, number: int) -> None:
    events: list[Callable[[], None]] = [
        lambda: None,
        lambda: world.google.end(chance.choice(ENDS)) if chance.random() < 0.5 else None,
        lambda: world.call_back(number),
        world.restart,
    ]
    edits: list[Callable[[], None]] = [
        lambda: world.edit(activeDeadlineSeconds=chance.choice((None, 30, 300, 3000))),
        lambda: world.annotate(group.REQUESTED_AT, f"request-{number}"),
    ]
    if not plot.adopts:
        edits += [
            lambda: world.edit(suspend=not world.spec.get("suspend", False)),
            lambda: world.edit(backoffLimit=chance.choice((None, 1, BACKOFF_LIMIT))),
        ]
    if chance.random() < 0.05:
        edits.append(lambda: world.edit(shutdown="Cancel"))
    troubles: list[Callable[[], None]] = [
        lambda: setattr(world, "key", chance.choice(("good", "missing", "refused"))),
        lambda: setattr(world, "down", chance.random() < 0.5),
        lambda: world.show(complete=False),
        world.wake,
    ]
    kinds = [events, *([edits] if plot.edits else []), *([troubles] if plot.trouble else [])]
    chance.choice(chance.choice(kinds))()
