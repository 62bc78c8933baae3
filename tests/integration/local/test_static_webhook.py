"""The steps of docs/static-webhooks.md under "Try it", as a person types them."""

import os
import subprocess
from pathlib import Path

from local.ports import free_port
from tests.markdown import fences, text_of

PROJECT = Path(__file__).parents[3]
PORT = "8090"


def test_the_page_works_as_written(tmp_path: Path) -> None:
    """In a state directory of its own, on a port of its own; `make` is the project's."""
    page = text_of(PROJECT / "docs" / "static-webhooks.md").split("\n## Try it\n", 1)[1]
    port = str(free_port())
    *steps, stop = (
        step.replace(".local/", f"{tmp_path}/")
        .replace(PORT, port)
        .replace("make up SCHEDULE=", f"python -m local up --state {tmp_path} --schedule ")
        .replace("make down", f"python -m local down --state {tmp_path}")
        for step in fences(page, "sh")
    )
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
    assert "gbj/adopted-reviews condition met" in done.stdout.replace(
        "geminibatchjob.gemini-operator.io", "gbj"
    )
    assert "batch.succeeded" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "scheme=v1" in line]
    assert "result=recorded" in line
