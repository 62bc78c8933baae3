"""Node.js and the packages of a lock file, for tests that run a JavaScript library."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

OLDEST_NODE = 20


def installed(folder: Path) -> Path:
    """The packages as the folder's lock file pins them, installed once outside the repository.

    Skips the test where Node.js is missing or too old.
    """
    _need_node()
    lock = folder / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    target = _cache() / f"npm-{digest}"
    if not (target / "node_modules" / ".package-lock.json").is_file():
        target.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, target)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=target,
            check=True,
            capture_output=True,
            timeout=100,
        )
    return target / "node_modules"


def run(script: Path, packages: Path, folder: Path, *arguments: str, **variables: str) -> str:
    """Run a copy of the script in `folder` and return what it prints; AssertionError if it fails.

    `variables` are added to the environment.
    """
    (folder / "node_modules").symlink_to(packages)
    shutil.copy(script, folder)
    result = subprocess.run(
        ["node", script.name, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def _need_node() -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on this machine")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.strip().lstrip("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node {version.stdout.strip()} is older than the libraries support")


def _cache() -> Path:
    named = os.environ.get("GEMINI_OPERATOR_CACHE")
    return Path(named).absolute() if named else Path.home() / ".cache" / "gemini-operator"
