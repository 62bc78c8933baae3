"""Renders the project's chart with Helm."""

import shutil
from pathlib import Path


def program() -> Path:
    return Path(shutil.which("helm") or "helm")
