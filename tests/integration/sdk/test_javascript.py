"""Batches and files through @google/genai, the official JavaScript SDK."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.emulator_process import EmulatorProcess

HERE = Path(__file__).parent / "javascript"
OLDEST_NODE = 20


@pytest.fixture(scope="session")
def packages() -> Path:
    """The SDK as the lock file pins it, installed once outside the repository."""
    _need_node()
    lock = HERE / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = _cache() / f"npm-{digest}"
    if not (folder / "node_modules" / ".package-lock.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=100,
        )
    return folder / "node_modules"


@pytest.fixture
def seen(packages: Path, emulator: EmulatorProcess, api_key: str, tmp_path: Path) -> Any:
    """What the SDK saw: see flows.mjs."""
    (tmp_path / "node_modules").symlink_to(packages)
    shutil.copy(HERE / "flows.mjs", tmp_path)
    result = subprocess.run(
        ["node", "flows.mjs"],
        cwd=tmp_path,
        env={**os.environ, "EMULATOR_URL": emulator.url, "EMULATOR_KEY": api_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_the_javascript_sdk_runs_its_batch_and_file_flows(seen: Any) -> None:
    assert seen == {
        "inline": {
            "created": "JOB_STATE_PENDING",
            "state": "JOB_STATE_SUCCEEDED",
            "displayName": "greetings",
            "text": "Say hello (2 words)",
            "metadata": {"key": "one"},
            "error": 13,
        },
        "embeddings": [5, 5],
        "files": {
            "whole": True,
            "listed": ["files/from-javascript"],
            "keys": ["one", "two"],
            "left": [],
        },
        "large": 9 * 2**20,
        "lists": {"count": 3, "state": "JOB_STATE_CANCELLED", "same": True, "gone": 404},
    }


def _need_node() -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on this machine")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.strip().lstrip("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node {version.stdout.strip()} is older than the SDK supports")


def _cache() -> Path:
    named = os.environ.get("GEMINI_OPERATOR_CACHE")
    return Path(named).absolute() if named else Path.home() / ".cache" / "gemini-operator"
