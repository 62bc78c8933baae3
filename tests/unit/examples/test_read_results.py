"""The example that reads results is run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gemini_operator.payload.matching import Request, match
from gemini_operator.payload.results import of_items

PROGRAM = Path("examples/results/read_results.py")
TEXT = "Deux lignes\u2028et plus"
GOOD = {"key": "a", "response": {"candidates": [{"content": {"parts": [{"text": TEXT}]}}]}}


def read(tmp_path: Path, *items: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    keys = [Request(key) for key in "abcd"[: len(items) + 1]]
    results = tmp_path / "results.jsonl"
    results.write_text("".join(match(keys, of_items(items)).lines), encoding="utf-8")
    command = [sys.executable, str(PROGRAM), str(results)]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")


def test_each_request_has_its_text_or_what_is_wrong(tmp_path: Path) -> None:
    blocked = {"key": "c", "response": {"promptFeedback": {"blockReason": "SAFETY"}}}
    failed = {"key": "b", "error": {"code": 13, "message": "internal"}}
    done = read(tmp_path, blocked, GOOD, failed)
    assert done.returncode == 1
    assert done.stdout == (
        f"a\t{TEXT}\n"
        "b\tinternal\n"
        f"c\tno answer: {json.dumps({'blockReason': 'SAFETY'})}\n"
        "d\tGoogle returned no result for this request.\n"
    )
    assert done.stderr == "3 without an answer\n"


EMBEDDING = {"values": [0.5, 0.25]}


@pytest.mark.parametrize(
    "item",
    [
        GOOD,
        {"key": "a", "embedding": EMBEDDING},
        {"key": "a", "response": {"embedding": EMBEDDING}},
    ],
    ids=["text", "embedding", "embedding in the response"],
)
def test_it_succeeds_if_every_request_did(tmp_path: Path, item: dict[str, Any]) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps(item) + "\n", encoding="utf-8")
    command = [sys.executable, str(PROGRAM), str(results)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
