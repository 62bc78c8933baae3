"""Random histories (`make histories` for hundreds of them): whatever happens, one kept batch per job."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from local.control_plane import ControlPlane
from tests.integration.history.history import History
from tests.integration.history.world import World

COUNT = int(os.environ.get("HISTORIES", "4"))
STEPS = 24
SECONDS = 90
"""At most for one history; most take 10."""


@pytest.fixture
def world(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(control_plane, tmp_path_factory.mktemp("history")) as world:
        yield world


@pytest.mark.timeout(COUNT * SECONDS + 60)
def test_every_history_ends_in_one_kept_batch_and_a_true_status(
    world: World, request: pytest.FixtureRequest
) -> None:
    """A failure prints its steps, and how to repeat them; the processes may still do otherwise."""
    machine = type("ThisHistory", (History,), {"world": world})
    seed = request.config.getoption("--hypothesis-seed")
    how = settings(
        max_examples=COUNT,
        stateful_step_count=STEPS,
        derandomize=seed is None,
        database=None,
        print_blob=True,
        deadline=None,
        report_multiple_bugs=False,
        # Smaller histories are no clearer ones where processes run beside them.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=how)
