"""The tables: who is struck, how, and in which lives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.crash.killing import KillStage
from benchmarks.crash.lives import OF_A_CONTROLLER, OF_A_LEADER, OF_A_RECEIVER, Life
from benchmarks.crash.pausing import PauseStage
from benchmarks.crash.stage import Stage
from local.control_plane import ControlPlane


@dataclass(frozen=True)
class Table:
    """
    One way to strike.

    Args:
        stage: makes a stage, which is not entered yet.
        without: calls that are no steps, because they come by the clock.
    """

    name: str
    lives: tuple[Life, ...]
    stage: Callable[[ControlPlane, Path], Stage]
    without: tuple[str, ...] = ()


CONTROLLER = Table("controller killed", OF_A_CONTROLLER, KillStage)

CALLED_AGAIN = Table(
    "receiver killed, called back again",
    OF_A_RECEIVER,
    partial(
        KillStage, victim="receiver", emulator=("--retry-schedule", "first=200ms,max=500ms,for=1h")
    ),
)

NEVER_CALLED_AGAIN = Table(
    "receiver killed, never called back again",
    OF_A_RECEIVER,
    partial(
        KillStage,
        victim="receiver",
        controller=("--sweep-interval", "1"),
        emulator=("--retry-schedule", "first=1ms,max=1ms,for=1ms"),
    ),
)

LEADER = Table("leader stopped, and continued", OF_A_LEADER, PauseStage, without=("batches.list",))

TABLES = (CONTROLLER, CALLED_AGAIN, NEVER_CALLED_AGAIN, LEADER)
