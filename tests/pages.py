"""Runs the steps of a page of the documentation, as a person types them."""

import os
import subprocess
from pathlib import Path

from tests.markdown import fences, text_of

PROJECT = Path(__file__).parents[1]


def run(page: str, state: Path, *, port: tuple[str, int] | None = None) -> str:
    """What the steps below "Try it" print; AssertionError if one fails. The last one always runs.

    Args:
        page: its name in docs.
        state: a directory instead of `.local`; `make` is the project's.
        port: a port that the page names, and another one instead.
    """
    text = text_of(PROJECT / "docs" / page).split("\n## Try it\n", 1)[1]
    *steps, stop = (_step(step, state, port) for step in fences(text, "sh"))
    script = "\n".join(["set -euo pipefail", f"trap '{stop.strip()}' EXIT", *steps])
    done = subprocess.run(
        ["bash", "-c", script.replace("kill %1", "kill $! || true")],
        cwd=PROJECT,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT / "hack"),
            "PATH": f"{PROJECT / '.venv' / 'bin'}:{os.environ['PATH']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _step(step: str, state: Path, port: tuple[str, int] | None) -> str:
    if port:
        step = step.replace(port[0], str(port[1]))
    return (
        step.replace(".local/", f"{state}/")
        .replace("make up SCHEDULE=", "make up --schedule ")
        .replace("make up", f"python -m local up --state {state}")
        .replace("make down", f"python -m local down --state {state}")
    )
