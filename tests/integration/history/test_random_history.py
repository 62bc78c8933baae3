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
from tests.integration.history.history import History
from tests.integration.history.world import World

COUNT = int(os.environ.get("HISTORIES", "2"))
SEED = int(os.environ.get("SEED", "1"))
BLOB = os.environ.get("HISTORY", "")
"""One history, as hypothesis prints it at the end of a failure: b'AXic…'."""

TOGETHER = 10
"""Histories of one seed."""

STEPS = 22
SECONDS = 150
"""At most for one history; most take 10."""

SEEDS = {
    SEED + number: min(TOGETHER, COUNT - number * TOGETHER)
    for number in range((COUNT + TOGETHER - 1) // TOGETHER)
}


@pytest.fixture(scope="module")
def world(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(control_plane, tmp_path_factory.mktemp("history")) as world:
        yield world


@pytest.mark.timeout(TOGETHER * SECONDS)
@pytest.mark.parametrize("seed", [0] if BLOB else SEEDS)
def test_every_history_ends_in_one_kept_batch_and_a_true_status(world: World, seed: int) -> None:
    """A failure prints its steps, and how to repeat them; the processes may still do otherwise."""
    machine = type("ThisHistory", (History,), {"world": world})
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
        # Smaller histories are no clearer ones where processes run beside them.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=how)
