"""Print the answers in results.jsonl, and what became of the other requests."""

import json
import sys
from pathlib import Path
from typing import Any


def answer_of(line: dict[str, Any]) -> str | None:
    """The text of the first candidate, or an embedding as JSON; None if there is neither."""
    embedding = line.get("embedding") or (line.get("response") or {}).get("embedding")
    if embedding:
        return json.dumps(embedding)
    candidates = (line.get("response") or {}).get("candidates") or [{}]
    parts = (candidates[0].get("content") or {}).get("parts") or []
    return "".join(part.get("text", "") for part in parts) or None


def problem_of(line: dict[str, Any]) -> str:
    """Why there is no answer, in Google's words or the operator's."""
    error = line.get("error") or line.get("status")
    if isinstance(error, dict):
        return str(error.get("message") or error)
    response = line.get("response") or {}
    return f"no answer: {json.dumps(response.get('promptFeedback') or response)[:200]}"


def main(path: str) -> int:
    """Print every line; return the exit status."""
    failed = 0
    with Path(path).open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            answer = None if line.get("error") or line.get("status") else answer_of(line)
            failed += answer is None
            print(f"{line.get('key')}\t{problem_of(line) if answer is None else answer}")
    print(f"{failed} without an answer", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
