"""Batches, files and webhooks through @google/genai, the official JavaScript SDK."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import javascript
from tests.emulator_process import EmulatorProcess

HERE = Path(__file__).parent / "javascript"


@pytest.fixture(scope="session")
def packages() -> Path:
    return javascript.installed(HERE)


@pytest.fixture
def seen(packages: Path, emulator: EmulatorProcess, api_key: str, tmp_path: Path) -> Any:
    """What the SDK saw: see flows.mjs."""
    settings = {"EMULATOR_URL": emulator.url, "EMULATOR_KEY": api_key}
    printed = javascript.run(HERE / "flows.mjs", packages, tmp_path, **settings)
    return json.loads(printed.splitlines()[-1])


def test_the_javascript_sdk_runs_all_its_flows(seen: Any) -> None:
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
        "webhooks": {
            "secrets": [True, True],
            "valid": 2,
            "listed": True,
            "state": "disabled",
            "refused": 400,
            "gone": 404,
        },
    }
