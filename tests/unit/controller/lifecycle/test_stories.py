"""What must hold in every life of a job, whatever happens in it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import settings

from gemini_operator.api import group
from gemini_operator.api.conditions import (
    COMPLETE,
    FAILED,
    RECONCILING,
    STALLED,
    SUSPENDED,
    Condition,
    find,
    is_true,
)
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle.attempts import KEPT, open_attempts
from tests.unit.controller.lifecycle.google import NEVER
from tests.unit.controller.lifecycle.stories import (
    BACKOFF_LIMIT,
    GRACE,
    PLOTS,
    a_story,
    settle,
    tell,
)
from tests.unit.controller.lifecycle.world import Moment, World, stalled_as

HIDDEN = "hidden beyond the grace"
IN_TIME = [title for title in PLOTS if title != HIDDEN]
SEEDS = pytest.mark.parametrize("seed", range(settings().max_examples))


def stories(seed: int, titles: Iterable[str] = PLOTS) -> list[World]:
    return [a_story(title, seed) for title in titles]


def retold(seed: int, titles: Sequence[str] = tuple(PLOTS)) -> World:
    """A story to go on with, of one plot after the other."""
    return tell(PLOTS[titles[seed % len(titles)]], seed)


def finished(world: World) -> list[Status]:
    return [m.status for m in world.history if m.status.completion_time is not None]


# What is paid


@SEEDS
def test_p16_no_two_batches_are_open_at_once(seed: int) -> None:
    """As long as Google lists within the grace what it has created."""
    for world in stories(seed, IN_TIME):
        assert world.google.crowd <= 1


@SEEDS
def test_p12_beside_another_batch_only_one_that_was_given_up_runs_and_is_still_looked_for(
    seed: int,
) -> None:
    for sent in a_story(HIDDEN, seed).sent:
        given_up = {attempt.id for attempt in sent.before.superseded_attempts if not attempt.reason}
        assert {batch.attempt for batch in sent.beside} <= given_up


@SEEDS
def test_p12_of_several_batches_one_is_kept_and_every_other_is_cancelled_and_reported(
    seed: int,
) -> None:
    world = settle(tell(PLOTS[HIDDEN], seed))
    kept = {world.status.get("batchName")}
    extra = {b.name for b in world.google.open()} - kept
    assert not extra or stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)
    told = [n.note for n in world.events if n.reason == Reason.DUPLICATE_CANCELLED]
    past = world.status.get("supersededAttempts", ())
    known = kept | {attempt.get("batchName") for attempt in past}
    for batch in world.google.batches:
        if batch.deleted:
            assert any(batch.name in note for note in told)
        else:
            assert batch.name in known or stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)


@SEEDS
def test_p16_nothing_is_sent_for_a_job_that_shall_not_run(seed: int) -> None:
    for sent in (sent for world in stories(seed) for sent in world.sent):
        assert not sent.deleting
        assert not sent.spec.get("suspend")
        assert "shutdown" not in sent.spec
        assert sent.before.attempt is None, "one attempt at a time"
        assert sent.before.completion_time is None
        assert sent.before.failures <= BACKOFF_LIMIT


@SEEDS
def test_p15_failures_are_those_that_google_caused(seed: int) -> None:
    for world in stories(seed):
        bad = sum(b.state.endswith(("FAILED", "EXPIRED")) for b in world.google.batches)
        assert world.status.get("failures", 0) <= bad
        counts = [moment.status.failures for moment in world.history]
        assert counts == sorted(counts)


@SEEDS
def test_p25_a_job_that_adopts_never_submits(seed: int) -> None:
    assert a_story("adopting", seed).sent == []


# What the status says


@SEEDS
def test_p24_complete_and_failed_exclude_each_other_and_end_the_job(seed: int) -> None:
    for status in (moment.status for world in stories(seed) for moment in world.history):
        complete, failed = (is_true(status.conditions, kind) for kind in (COMPLETE, FAILED))
        assert not (complete and failed)
        assert (complete or failed) is (status.completion_time is not None)


@SEEDS
def test_p24_an_end_is_final(seed: int) -> None:
    for world in stories(seed):
        ends = [
            (end.completion_time, end.state, end.failures, end.output, end.batch_name)
            for end in finished(world)
        ]
        assert len(set(ends)) <= 1
        terminal = [
            [c for c in end.conditions if c.type in (COMPLETE, FAILED)] for end in finished(world)
        ]
        assert all(one == terminal[0] for one in terminal)


@SEEDS
def test_a_finished_job_is_stalled_if_it_failed_and_is_never_suspended(seed: int) -> None:
    for end in (end for world in stories(seed) for end in finished(world)):
        assert is_true(end.conditions, STALLED) == is_true(end.conditions, FAILED)
        assert not is_true(end.conditions, RECONCILING)
        assert not is_true(end.conditions, SUSPENDED)


@SEEDS
def test_a_job_that_goes_on_says_so_or_that_somebody_has_to_act(seed: int) -> None:
    moments = (moment for world in stories(seed) for moment in world.history)
    for status in (moment.status for moment in moments if moment.status.conditions):
        goes_on = is_true(status.conditions, RECONCILING)
        stalled = is_true(status.conditions, STALLED)
        assert not (goes_on and stalled)
        if status.completion_time is None and not is_true(status.conditions, SUSPENDED):
            assert goes_on or stalled


@SEEDS
def test_conditions_move_with_their_value_and_only_then(seed: int) -> None:
    for world in stories(seed):
        for before, after in pairwise(world.history):
            for condition in after.status.conditions:
                old = find(before.status.conditions, condition.type)
                same = old is not None and old.status == condition.status
                moved: datetime = old.last_transition_time if same and old else after.at
                assert condition.last_transition_time == moved.replace(microsecond=0)


@SEEDS
def test_conditions_never_flap(seed: int) -> None:
    """What was taken back is not said again before anything has happened."""
    for world in stories(seed):
        turns: defaultdict[int, list[Moment]] = defaultdict(list)
        for moment in world.history:
            turns[moment.turn].append(moment)
        for kind in (COMPLETE, FAILED, STALLED, SUSPENDED):
            for moments in turns.values():
                said = [told(moment, kind) for moment in moments]
                changes = [new for old, new in pairwise([None, *said]) if new != old]
                assert len(set(changes)) == len(changes), moments


def told(moment: Moment, kind: str) -> tuple[str, str] | None:
    condition = find(moment.status.conditions, kind)
    return None if condition is None else (condition.status, condition.reason)


@SEEDS
def test_the_generation_that_was_decided_for_is_told(seed: int) -> None:
    for world in stories(seed):
        for moment in world.history:
            assert moment.status.observed_generation == moment.generation
            assert all(
                (c.observed_generation or 0) <= moment.generation for c in conditions(moment)
            )
        generations = [moment.generation for moment in world.history]
        assert generations == sorted(generations)


def conditions(moment: Moment) -> Sequence[Condition]:
    return moment.status.conditions


@SEEDS
def test_p16_start_time_is_there_with_an_attempt_and_gone_while_suspended(seed: int) -> None:
    for status in (moment.status for world in stories(seed) for moment in world.history):
        assert status.attempt is None or status.start_time is not None
        if is_true(status.conditions, SUSPENDED):
            assert (status.attempt, status.start_time, status.completion_time) == (None,) * 3


@SEEDS
def test_p15_the_name_belongs_to_the_attempt(seed: int) -> None:
    for world in stories(seed, [title for title in PLOTS if title != "adopting"]):
        for status in (moment.status for moment in world.history):
            named = status.attempt.batch_name if status.attempt else None
            assert status.batch_name == named


@SEEDS
def test_every_status_fits_its_own_schema(seed: int) -> None:
    for status in (moment.status for world in stories(seed) for moment in world.history):
        assert Status.model_validate(status.dump()).dump() == status.dump()
        assert len(status.superseded_attempts) <= KEPT
        assert len({attempt.id for attempt in status.superseded_attempts}) == len(
            status.superseded_attempts
        )


# What is done in time


@SEEDS
def test_nothing_that_can_be_done_now_is_left_undone(seed: int) -> None:
    """Cancels, requests and generations; nor does a job decide in circles (see `World.turn`)."""
    for world in stories(seed):
        assert world.neglected == []


@SEEDS
def test_each_request_to_look_is_acknowledged_once(seed: int) -> None:
    for world in stories(seed):
        seen = [m.status.observed_request for m in world.history]
        changes = [new for old, new in pairwise([None, *seen]) if new != old]
        assert len(set(changes)) == len(changes)


@SEEDS
def test_every_job_comes_to_an_end_or_says_what_it_waits_for(seed: int) -> None:
    world = settle(retold(seed))
    world.edit(suspend=None)
    settle(world)
    world.google.end("BATCH_STATE_SUCCEEDED")
    settle(world)
    assert "completionTime" in world.status or stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)


@SEEDS
def test_p16_shutdown_ends_every_job_that_google_lets_end(seed: int) -> None:
    """And that nobody has to look at first."""
    world = retold(seed)
    world.edit(shutdown="Cancel")
    creates = world.creates
    settle(world)
    deaf = any(batch.luck.deaf == NEVER for batch in world.google.open())
    doubtful = stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)
    assert "completionTime" in world.status or deaf or doubtful
    assert world.creates == creates


@SEEDS
def test_p21_a_deleted_job_goes_and_leaves_nothing_at_google_that_the_list_has_shown(
    seed: int,
) -> None:
    world = retold(seed)
    world.key, world.down = "good", False
    world.edit(deletionPolicy="Delete")
    creates = world.creates
    world.delete()
    world.live(2 * GRACE)
    assert world.released
    assert world.creates == creates, "a deletion never submits"
    shown = [b for b in world.google.open() if b.visible <= world.monotonic]
    only_claimed = "adopt" in world.spec and "attempt" not in world.status
    assert only_claimed or not shown


@SEEDS
def test_p22_no_trouble_holds_a_deleted_job_for_ever(seed: int) -> None:
    world = retold(seed, ["in trouble", "edited, unclear answers"])
    world.edit(deletionPolicy="Delete")
    world.down = True
    world.delete()
    for _ in range(50):
        world.advance(3600.0)
        world.wake()
        world.turn()
    assert world.released
    unsettled = "attempt" in world.status or open_attempts(world.job())
    told = {n.reason for n in world.events} & {Reason.BATCH_LEFT_BEHIND, Reason.ENDED_BATCH_LEFT}
    assert told or not unsettled
    if told == {Reason.ENDED_BATCH_LEFT}:
        assert not world.google.open()


@SEEDS
def test_p22_force_delete_lets_every_job_go_at_once(seed: int) -> None:
    world = retold(seed)
    world.key, world.down = "missing", True
    world.annotate(group.FORCE_DELETE, "true")
    world.delete()
    world.turn()
    assert world.released


def waiting() -> World:
    """A job whose batch runs, and which waits for a callback."""
    world = World()
    world.live(60.0)
    assert world.status["state"] in ("Pending", "Running")
    return world


def reasons(world: World) -> list[str | None]:
    """What `Stalled` said in the statuses that were written."""
    said = [find(moment.status.conditions, STALLED) for moment in world.history]
    return [each.reason if each else None for each in said]


def test_a_job_that_waits_is_not_written_while_its_secret_stays() -> None:
    world = waiting()
    before = len(world.history)
    for _ in range(5):
        world.look()
    assert len(world.history) == before


@pytest.mark.parametrize("minutes", [1, 10], ids=["waits", "stalled"])
def test_a_secret_that_is_gone_while_the_batch_runs_is_said_until_it_is_back(minutes: int) -> None:
    world = waiting()
    before = len(world.history)
    world.key = "missing"
    for _ in range(minutes):
        world.look()
    said = find(world.job().status.conditions, STALLED)
    assert said is not None
    assert said.reason == Reason.CREDENTIALS_MISSING
    assert f"{world.status['batchName']} goes on at Google" in said.message
    assert is_true(world.job().status.conditions, STALLED) is (minutes > 5)
    # One write for each of the two, and none for a minute in which nothing changed.
    assert len(world.history) == before + 1 + (minutes > 5)
    world.key = "good"
    world.look(15.0)
    assert find(world.job().status.conditions, STALLED) is None
    assert world.creates == 1
    assert [event.reason for event in world.events].count(Reason.CREDENTIALS_MISSING) == 1


def test_each_change_of_the_key_is_written_once() -> None:
    world = waiting()
    before = len(world.history)
    for key in ("missing", "refused", "missing", "good"):
        world.key = key
        for _ in range(3):
            world.look()
    expected = [
        Reason.CREDENTIALS_MISSING,
        Reason.CREDENTIALS_REJECTED,
        Reason.CREDENTIALS_MISSING,
        None,
    ]
    assert reasons(world)[before:] == expected
