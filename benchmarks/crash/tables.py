"""The tables: which process is killed, in which lives, with what around it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.crash.acts import (
    applied,
    completed,
    deleted,
    ends,
    keys_rotated,
    receiver_started,
    submitted,
)
from benchmarks.crash.lives import LIVES, Life
from benchmarks.crash.stage import Stage
from local.control_plane import ControlPlane


@dataclass(frozen=True)
class Table:
    """
    One for each set of processes.

    Args:
        stage: makes a stage, which is not entered yet.
    """

    name: str
    lives: tuple[Life, ...]
    stage: Callable[[ControlPlane, Path], Stage]


CALLED_BACK = (
    receiver_started,
    applied(),
    submitted,
    keys_rotated,
    ends("succeed"),
    completed,
)

CONTROLLER = Table("controller", LIVES, Stage)

CALLED_AGAIN = Table(
    "receiver",
    (Life("called back again", CALLED_BACK, after=(deleted,)),),
    partial(
        Stage, victim="receiver", emulator=("--retry-schedule", "first=200ms,max=500ms,for=1h")
    ),
)

NEVER_CALLED_AGAIN = Table(
    "receiver, never called back again",
    (Life("found by the sweep", CALLED_BACK, after=(deleted,)),),
    partial(
        Stage,
        victim="receiver",
        controller=("--sweep-interval", "1"),
        emulator=("--retry-schedule", "first=1ms,max=1ms,for=1ms"),
    ),
)

TABLES = (CONTROLLER, CALLED_AGAIN, NEVER_CALLED_AGAIN)
