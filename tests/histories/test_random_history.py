"""Random histories (`make histories` for hundreds of them): whatever happens, one kept batch per job."""

import ast
import os
import sys
import time
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from local.control_plane import ControlPlane
from tests.histories.convergence import ConvergenceCheck
from tests.histories.environment import BAD_KEY, Environment
from tests.histories.expected import ExpectedJob, OutsideActions
from tests.histories.history import History
from tests.waiting import eventually

COUNT = int(os.environ.get("HISTORIES", "2"))
SEED = int(os.environ.get("SEED", "1"))
BLOB = os.environ.get("HISTORY", "")
"""One history, as hypothesis prints it after a failure: b'AXic…'."""

HISTORIES_PER_SEED = 10

STEPS = 22
SECONDS = 150
"""The longest that one history may take; most take 10."""

SEEDS = {
    SEED + number: min(HISTORIES_PER_SEED, COUNT - number * HISTORIES_PER_SEED)
    for number in range((COUNT + HISTORIES_PER_SEED - 1) // HISTORIES_PER_SEED)
}


@pytest.fixture(scope="module")
def environment(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    with Environment(control_plane, tmp_path_factory.mktemp("history")) as environment:
        yield environment


@pytest.mark.timeout(HISTORIES_PER_SEED * SECONDS)
@pytest.mark.parametrize("seed", [0] if BLOB else SEEDS)
def test_every_history_ends_in_one_kept_batch_and_a_true_status(
    environment: Environment, seed: int
) -> None:
    """A failure prints its steps and how to repeat them. The processes may still take other ways."""
    machine = type("ThisHistory", (History,), {"environment": environment})
    if BLOB:
        blob = ast.literal_eval(BLOB)
        machine = hypothesis.reproduce_failure(hypothesis.__version__, blob)(machine)
    else:
        sys.stdout.write(f"repeat with: make histories SEED={seed} HISTORIES={SEEDS[seed]}\n")
        machine = hypothesis.seed(seed)(machine)
    how = settings(
        max_examples=SEEDS[seed] if not BLOB else 1,
        stateful_step_count=STEPS,
        database=None,
        print_blob=True,
        deadline=None,
        report_multiple_bugs=False,
        # Shrinking is left out: a shorter history is no clearer, as the processes run beside it.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=how)


@pytest.mark.parametrize("first", ["rotated", "bad"])
def test_s11_a_job_converges_whose_create_was_lost_before_its_key_was_replaced(
    environment: Environment, first: str
) -> None:
    """Random histories seldom come here, so this one is planned."""
    environment.begin()
    if first == "bad":
        environment.client.put_key(BAD_KEY)
        # The controller keeps the key of the last history for a moment.
        time.sleep(1.0)
    environment.emulator.fault("batches.create", "drop", when="before")
    job = ExpectedJob("job")
    body = environment.client.create(job.manifest())
    job.uid = body["metadata"]["uid"]
    eventually(lambda: "OutcomeUnknown" in str(environment.client.get(job.name)))
    if first == "rotated":
        environment.rotate_key("x")
    environment.recover()
    ConvergenceCheck(environment, [job], OutsideActions()).run()
    assert bool(job.resubmitted) == (first == "bad")
