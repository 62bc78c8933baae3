"""Random histories (`make histories` for hundreds of them): whatever happens, one kept batch per job."""

import ast
import os
import sys
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from local.control_plane import ControlPlane
from tests.histories.environment import Environment
from tests.histories.history import History

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
