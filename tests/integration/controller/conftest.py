"""A whole operator for one test: emulator, receiver and controller with the least rights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.kubectl import Kubectl
from tests.emulator_process import FAST, EmulatorProcess
from tests.integration.conftest import KubeconfigFor
from tests.operator_process import CONTROLLER_RULES, RECEIVER_RULES, Operator

SLOW = pytest.mark.parametrize("schedule", ["pending=60s,running=60s"])
"""For tests that decide themselves when a batch ends."""


@pytest.fixture
def schedule() -> str:
    return FAST


@pytest.fixture
def emulator(tmp_path: Path, schedule: str) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(tmp_path / "emulator", "--schedule", schedule) as process:
        yield process


@pytest.fixture
def operator(
    namespace: str,
    kubectl: Kubectl,
    tmp_path: Path,
    emulator: EmulatorProcess,
    service_account_kubeconfig: KubeconfigFor,
) -> Iterator[Operator]:
    """Not started yet."""
    kubeconfigs = {
        "controller": service_account_kubeconfig(CONTROLLER_RULES, cluster_wide=False),
        "receiver": service_account_kubeconfig(RECEIVER_RULES, cluster_wide=False),
    }
    with Operator(namespace, kubectl, tmp_path, emulator, kubeconfigs) as processes:
        yield processes
