"""Lives of jobs whose Secret gets a key of another project while an outcome is unknown (S11)."""

import random
from collections.abc import Callable

import pytest
from hypothesis import settings

from gemini_operator.api.reasons import Reason
from tests.unit.controller.lifecycle.google import Luck
from tests.unit.controller.lifecycle.stories import GRACE, SECONDS, UNCLEAR
from tests.unit.controller.lifecycle.world import SWEEP, World, stalled_as

SEEDS = pytest.mark.parametrize("seed", range(settings().max_examples))
ROUNDS = 12


def without_an_answer() -> World:
    """A job whose create Google executed and did not answer; the key is of another project now."""
    world = World(luck=lambda: Luck("no answer", hidden=GRACE), has_finalizer=True)
    world.turn()
    assert len(world.sent) == 1
    world.key = "other"
    world.live(3 * GRACE)
    return world


def test_s11_another_project_shows_no_batch_and_nothing_is_sent_again() -> None:
    world = without_an_answer()
    assert stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)
    world.live(3 * SWEEP)
    assert len(world.sent) == 1
    assert "supersededAttempts" not in world.status


@pytest.mark.parametrize("restarts", [False, True])
def test_s11_with_the_key_back_the_batch_is_found(restarts: bool) -> None:
    world = without_an_answer()
    if restarts:
        world.restart()
        world.live(GRACE)
    world.key = "good"
    world.live(SWEEP)
    assert world.status["batchName"] == "batches/1"
    assert not stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)
    assert len(world.sent) == 1


def test_s11_a_deletion_leaves_the_batch_behind_and_says_so() -> None:
    world = without_an_answer()
    world.delete()
    world.live(SWEEP)
    assert world.released
    assert [e.reason for e in world.events[-2:]] == [
        Reason.CREDENTIALS_CHANGED,
        Reason.BATCH_LEFT_BEHIND,
    ]


def test_s11_a_deletion_with_the_key_back_leaves_nothing() -> None:
    world = without_an_answer()
    world.delete()
    world.live(30.0)
    assert world.status["state"] == "Deleting"
    world.key = "good"
    world.live(SWEEP)
    assert world.released
    assert world.google.there() == []


@SEEDS
def test_s11_however_keys_change_no_two_batches_are_open_at_once(seed: int) -> None:
    chance = random.Random(seed)
    lists = chance.choice((0.0, GRACE / 2, GRACE))
    world = World(luck=lambda: Luck(chance.choice(UNCLEAR), hidden=lists), has_finalizer=True)
    changes: list[Callable[[], None]] = [
        lambda: setattr(world, "key", chance.choice(("good", "other"))),
        lambda: setattr(world, "key", chance.choice(("good", "other"))),
        lambda: world.show(complete=chance.random() < 0.5),
        world.restart,
        world.wake,
    ]
    for _ in range(ROUNDS):
        chance.choice(changes)()
        world.live(chance.choice(SECONDS))
    assert world.google.crowd <= 1
    # With the key of its last create the job finds its batch, if there is one.
    world.key = world.sent[-1].key
    world.live(2 * SWEEP)
    assert world.google.crowd <= 1
    (batch,) = world.google.open() or (None,)
    assert batch is None or world.status["batchName"] == batch.name
