"""The tables: who is struck, how, and in which scenarios."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.control_plane import ControlPlane
from tests.crash.environment import Environment
from tests.crash.killing import KillEnvironment
from tests.crash.pausing import PauseEnvironment
from tests.crash.scenarios import OF_A_CONTROLLER, OF_A_LEADER, OF_A_RECEIVER, Scenario
from tests.crash.storage import KillDuringTransfer, PauseDuringTransfer
from tests.crash.storage_scenarios import OF_A_LEADER_WITH_A_TRANSFER, OF_A_TRANSFER


@dataclass(frozen=True)
class Table:
    """
    One way to strike.

    Args:
        environment: makes a environment, which is not entered yet.
        without: calls that are no steps, because they come by the clock.
    """

    name: str
    scenarios: tuple[Scenario, ...]
    environment: Callable[[ControlPlane, Path], Environment]
    without: tuple[str, ...] = ()


CONTROLLER = Table("controller killed", OF_A_CONTROLLER, KillEnvironment)

CALLED_AGAIN = Table(
    "receiver killed, called back again",
    OF_A_RECEIVER,
    partial(
        KillEnvironment,
        victim="receiver",
        emulator=("--retry-schedule", "first=200ms,max=500ms,for=1h"),
    ),
)

NEVER_CALLED_AGAIN = Table(
    "receiver killed, never called back again",
    OF_A_RECEIVER,
    partial(
        KillEnvironment,
        victim="receiver",
        controller=("--sweep-interval", "1"),
        emulator=("--retry-schedule", "first=1ms,max=1ms,for=1ms"),
    ),
)

LEADER = Table(
    "leader stopped, and continued", OF_A_LEADER, PauseEnvironment, without=("batches.list",)
)

TRANSFERS = Table("controller killed during transfers", OF_A_TRANSFER, KillDuringTransfer)

TRANSFERS_OF_A_LEADER = Table(
    "leader stopped during transfers, and continued",
    OF_A_LEADER_WITH_A_TRANSFER,
    PauseDuringTransfer,
    without=("batches.list",),
)

TABLES = (CONTROLLER, CALLED_AGAIN, NEVER_CALLED_AGAIN, LEADER, TRANSFERS, TRANSFERS_OF_A_LEADER)
