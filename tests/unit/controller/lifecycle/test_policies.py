import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings

from gemini_operator.api.conditions import COMPLETE, FAILED, is_true
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Status
from gemini_operator.controller.lifecycle import policies
from gemini_operator.controller.lifecycle.view import Dispose, Hold, Submit, Wait, Write
from tests.unit.controller.builders import (
    BATCH,
    EARLIER,
    RULES,
    a_batch,
    a_sighting,
    a_view,
    an_attempt,
    an_event,
    finished,
    note,
    reason_of,
    seen,
    submitted,
    written,
)
from tests.unit.controller.lifecycle.world import Answer, World, stalled_as

GRACE = RULES.create_timeout + RULES.submit_grace
ANSWERS: tuple[Answer, ...] = (
    "batch",
    "no answer",
    "lost",
    "429",
    "bad key",
    "rejected",
    "not sent",
)
ENDS = tuple(f"BATCH_STATE_{end}" for end in ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"))

UNCLEAR: tuple[Answer, ...] = ("no answer", "lost")
SECONDS = (0.0, 1.0, 2.0, RULES.create_timeout, RULES.submit_grace, GRACE, 4000.0)
STORIES = pytest.mark.parametrize("seed", range(settings.default.max_examples))


def a_story(
    seed: int,
    *,
    hidden: float = 10_000.0,
    answers: Sequence[Answer] = ANSWERS,
    output: bool = False,
) -> World:
    """
    A life of 25 rounds, told at random: time passes, and mostly a listing and a pass follow.

    Args:
        seed: the same seed tells the same story.
        hidden: seconds for which Google may leave a new batch out of its list.
        answers: what creates may end in.
        output: whether results are delivered to a ConfigMap.
    """
    chance = random.Random(seed)
    world = World(held=True, output=output)
    for number in range(25):
        world.advance(chance.choice(SECONDS))
        happens = chance.random()
        if happens < 0.05:
            world.restart()
        elif happens < 0.1:
            world.call_back(number)
        elif happens < 0.15:
            world.end(chance.choice(ENDS))
        if chance.random() < 0.8:
            world.show(complete=chance.random() < 0.8)
        world.run(chance.choice(answers), chance.choice((0.0, hidden / 2, hidden)))
    return world


def settle(world: World) -> None:
    """Time enough for everything to be found, listed and decided."""
    for _ in range(12):
        world.advance(4000.0)
        world.show()
        world.run("batch")
        world.run("batch")


# Order


@pytest.mark.parametrize(
    ("of_job", "decision"),
    [
        pytest.param({"status": {}, "held": False}, Hold(), id="first the finalizer"),
        pytest.param({"status": {}}, Submit(1), id="then the create"),
        pytest.param({"status": submitted()}, Wait(), id="then nothing, until something changes"),
        pytest.param({"status": finished()}, Wait(), id="and nothing more after the end"),
        pytest.param(
            {"status": finished(lastEvent=an_event())}, Wait(), id="whatever is called back"
        ),
        pytest.param(
            {"status": finished(), "deleting": True}, Dispose((BATCH,)), id="but a deletion"
        ),
        pytest.param({"status": {}, "deleting": True}, Dispose(()), id="never submits"),
    ],
)
def test_p16_the_order_of_a_life(of_job: dict[str, Any], decision: object) -> None:
    assert policies.decide(a_view(**of_job), None) == decision


def test_nothing_is_promised_for_what_is_not_supported() -> None:
    """No finalizer either: such a job can go as it came."""
    spec = {"output": {"object": {"uri": "s3://bucket"}}}
    decision = policies.decide(a_view(spec=spec, held=False), None)
    assert reason_of(written(decision), "Stalled") == ("True", Reason.NOT_SUPPORTED_YET)


@pytest.mark.parametrize(
    ("status", "seconds"),
    [(submitted(), None), (submitted(lastEvent=an_event()), 2.0), (finished(), None)],
    ids=["waiting", "with a delay", "finished"],
)
def test_a_new_generation_is_acknowledged_where_nothing_else_is_to_be_written(
    status: dict[str, Any], seconds: float | None
) -> None:
    view = a_view(status=status, generation=2)
    view.facts.note_event_read("event-1", view.monotonic)
    decision = policies.decide(view, None)
    assert written(decision) == view.status.model_copy(update={"observed_generation": 2})
    assert isinstance(decision, Write)
    assert decision.seconds == seconds
    assert isinstance(policies.decide(a_view(status=status, facts=view.facts), None), Wait)


def test_p12_duplicates_of_a_finished_job_are_still_dealt_with() -> None:
    view = a_view(status=finished(supersededAttempts=[an_attempt(EARLIER)]))
    note(view, a_sighting(a_batch("batches/late", attempt=EARLIER)))
    assert isinstance(policies.decide(view, None), Dispose)


def test_p10_a_refusal_is_written_before_anything_is_searched() -> None:
    world = World(held=True)
    world.run("429")
    assert isinstance(world.run(), Write)
    assert "attempt" not in world.status
    assert world.status["state"] == "Queued"


def test_p17_an_end_is_written_with_its_event_in_one_write() -> None:
    view = a_view(status=submitted(lastEvent=an_event()))
    status = written(policies.decide(view, seen("BATCH_STATE_SUCCEEDED")))
    assert status.observed_event_id == "event-1"
    assert status.completion_time is not None


# Whatever happens


@STORIES
@pytest.mark.parametrize("output", [False, True], ids=["at Google", "delivered"])
def test_p24_complete_and_failed_exclude_each_other_and_an_end_is_final(
    seed: int, output: bool
) -> None:
    history = a_story(seed, output=output).history
    for status in history:
        complete, failed = (is_true(status.conditions, kind) for kind in (COMPLETE, FAILED))
        assert not (complete and failed)
        assert (complete or failed) is (status.completion_time is not None)
    ends = [status for status in history if status.completion_time is not None]
    assert len({(end.completion_time, end.state, end.failures, end.output) for end in ends}) <= 1


@STORIES
def test_every_status_fits_its_own_schema_and_says_when_it_was_decided(seed: int) -> None:
    for status in a_story(seed).history:
        assert Status.model_validate(status.dump()).dump() == status.dump()
        assert len(status.superseded_attempts) <= 3
        assert status.observed_generation == 1
        if status.batch_name is not None:
            assert status.attempt is not None
            assert status.attempt.batch_name == status.batch_name


@STORIES
def test_p11_a_google_that_lists_within_the_grace_never_gets_a_second_batch(seed: int) -> None:
    """Whatever is answered, lost, restarted or incomplete."""
    world = a_story(seed, hidden=GRACE, answers=UNCLEAR)
    settle(world)
    assert len(world.batches) <= 1


@STORIES
def test_p12_of_several_batches_one_is_kept_and_every_other_is_found_and_cancelled(
    seed: int,
) -> None:
    world = a_story(seed, answers=UNCLEAR)
    settle(world)
    assert len(world.alive()) <= 1
    if world.alive() and "attempt" in world.status:
        assert world.status["batchName"] == world.alive()[0].name


@STORIES
@pytest.mark.parametrize("hidden", [GRACE, 10_000.0], ids=["in the grace", "beyond"])
def test_p21_a_deleted_job_leaves_nothing_at_google_that_the_list_has_shown(
    seed: int, hidden: float
) -> None:
    world = a_story(seed, hidden=hidden, answers=UNCLEAR)
    creates = world.creates
    world.deleting = True
    for seconds in (0.0, 1.0, GRACE, 5.0, 5.0):
        world.advance(seconds)
        world.run()
        if world.released:
            break
        world.show()
    assert world.released
    assert world.creates == creates, "a deletion never submits"
    assert [batch for batch in world.alive() if batch.visible <= world.monotonic] == []


@STORIES
def test_every_job_comes_to_an_end_or_says_what_it_waits_for(seed: int) -> None:
    world = a_story(seed)
    settle(world)
    world.end("BATCH_STATE_SUCCEEDED")
    settle(world)
    assert "completionTime" in world.status or stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)


def test_p13_four_creates_without_an_answer_are_the_most() -> None:
    world = World(held=True)
    for _ in range(40):
        world.run("lost")
        world.advance(GRACE)
        world.show()
    assert world.creates == 4
    assert stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)
    assert world.run() == Wait()
