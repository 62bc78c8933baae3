"""Batches on disk, and as the long-running operations that the Gemini API returns.

Each batch has a folder with its record, its requests and its results.

The operation has the shape of public captures (googleapis/python-genai#1323) and of
https://ai.google.dev/api/batch-api: a get contains the results twice and a list omits them, counts
are strings, and members that are zero or unknown are absent.
"""

import json
import shutil
import string
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import choice
from typing import Any

from gemini_emulator.create_request import CreateRequest
from gemini_emulator.errors import not_found
from gemini_emulator.request_check import Kind
from gemini_emulator.schedule import rfc3339
from gemini_emulator.store import atomic_write, read_records, write_json

PENDING, RUNNING = "BATCH_STATE_PENDING", "BATCH_STATE_RUNNING"
SUCCEEDED, FAILED = "BATCH_STATE_SUCCEEDED", "BATCH_STATE_FAILED"
CANCELLED, EXPIRED = "BATCH_STATE_CANCELLED", "BATCH_STATE_EXPIRED"

_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."
_ALPHABET = string.ascii_lowercase + string.digits
_MAX_REMOVED = 10_000
_ID_LENGTH = 36
"""As long as Google's ids: `batch-<id>` then exceeds the 40 characters of a file id, as there."""


def new_batch_id() -> str:
    return "".join(choice(_ALPHABET) for _ in range(_ID_LENGTH))


@dataclass
class Batch:
    """One batch; times are seconds since 1970, and `due` is when the schedule advances it.

    `result_options` say how the results look, as POST /emulator/results received them; from the end
    on, `hidden_reads` and `failing_downloads` count down what they say.
    """

    id: str
    project: str
    kind: Kind
    model: str
    created: float
    updated: float
    display_name: str = ""
    priority: int = 0
    file_id: str | None = None
    uris: list[str] = field(default_factory=list)
    user_metadata: dict[str, Any] = field(default_factory=dict)
    state: str = PENDING
    due: float | None = None
    ended: float | None = None
    total: int | None = None
    succeeded: int = 0
    failed: int = 0
    error: dict[str, Any] | None = None
    announced: bool = False
    result_options: dict[str, Any] | None = None
    hidden_reads: int = 0
    failing_downloads: int = 0

    @property
    def name(self) -> str:
        return f"batches/{self.id}"

    @property
    def terminal(self) -> bool:
        return self.state not in {PENDING, RUNNING}

    @property
    def results_file(self) -> str | None:
        """The name of the result file, if the batch succeeded and its input was a file."""
        return f"files/batch-{self.id}" if self.file_id and self.state == SUCCEEDED else None


class BatchStore:
    """The batches of all projects, in memory and on disk.

    `removed` holds the last removed batches in memory only, for the control routes.
    """

    def __init__(self, root: Path) -> None:
        self.removed: deque[Batch] = deque(maxlen=_MAX_REMOVED)
        self._root = root
        self._batches: dict[str, Batch] = {}
        self._unfinished: dict[str, set[str]] = {}
        for _, record in read_records(root, "batch.json"):
            self._index(Batch(**record))

    def __iter__(self) -> Iterator[Batch]:
        return iter(tuple(self._batches.values()))

    def add(self, project: str, create_request: CreateRequest, now: float, due: float) -> Batch:
        """Add a new batch and write it to disk."""
        batch = Batch(
            id=new_batch_id(),
            project=project,
            kind=create_request.kind,
            model=create_request.model,
            created=now,
            updated=now,
            display_name=create_request.display_name,
            priority=create_request.priority,
            file_id=create_request.file_id,
            uris=list(create_request.uris),
            user_metadata=create_request.user_metadata,
            due=due,
            total=len(create_request.requests) or None,
        )
        if create_request.requests:
            with atomic_write(self.requests(batch)) as file:
                for request in create_request.requests:
                    file.write(json.dumps(request).encode() + b"\n")
        self._write(batch)
        self._index(batch)
        return batch

    def save(self, batch: Batch) -> None:
        """Write a changed batch to disk, unless it was removed in the meantime."""
        if batch.id in self._batches:
            self._write(batch)
            self._index(batch)

    def find(self, project: str, batch_id: str) -> Batch:
        """Return a batch of the project.

        Raises:
            ApiError: 404, there is none; also for another project's batch.
        """
        batch = self._batches.get(batch_id)
        if batch is None or batch.project != project:
            raise not_found()
        return batch

    def get(self, batch_id: str) -> Batch | None:
        return self._batches.get(batch_id)

    def unfinished(self, project: str) -> int:
        """Return how many of the project's batches have not ended."""
        return len(self._unfinished.get(project, ()))

    def remove(self, batch: Batch) -> None:
        if self._batches.pop(batch.id, None):
            self.removed.append(batch)
            self._unfinished[batch.project].discard(batch.id)
            (self._root / batch.id / "batch.json").unlink(missing_ok=True)
            shutil.rmtree(self._root / batch.id, ignore_errors=True)

    def clear(self) -> None:
        for batch in self:
            self.remove(batch)
        self.removed.clear()

    def requests(self, batch: Batch) -> Path:
        return self._root / batch.id / "requests.jsonl"

    def results(self, batch: Batch) -> Path:
        return self._root / batch.id / "results.jsonl"

    def _index(self, batch: Batch) -> None:
        self._batches[batch.id] = batch
        unfinished = self._unfinished.setdefault(batch.project, set())
        if batch.terminal:
            unfinished.discard(batch.id)
        else:
            unfinished.add(batch.id)

    def _write(self, batch: Batch) -> None:
        write_json(self._root / batch.id / "batch.json", asdict(batch))


def as_operation(batch: Batch) -> dict[str, Any]:
    """Return a batch as an operation without results, as in a list."""
    operation: dict[str, Any] = {"name": batch.name, "metadata": _metadata(batch)}
    if batch.terminal:
        operation["done"] = True
    if batch.error is not None:
        operation["error"] = batch.error
    return operation


def as_full_operation(batch: Batch, results: Path) -> dict[str, Any]:
    """Return a batch as an operation with its results or the name of its result file."""
    operation = as_operation(batch)
    if batch.state == SUCCEEDED:
        output = _output(batch, results)
        operation["metadata"]["output"] = output
        operation["response"] = {
            "@type": f"{_TYPE}{batch.kind}BatchOutput",
            **output,
        }
    return operation


def _metadata(batch: Batch) -> dict[str, Any]:
    metadata = {
        "@type": f"{_TYPE}{batch.kind}Batch",
        "model": batch.model,
        "displayName": batch.display_name,
        "inputConfig": {"fileName": f"files/{batch.file_id}"} if batch.file_id else None,
        "createTime": rfc3339(batch.created),
        "endTime": rfc3339(batch.ended) if batch.ended is not None else None,
        "updateTime": rfc3339(batch.updated),
        "batchStats": _stats(batch),
        "state": batch.state,
        "name": batch.name,
        "priority": str(batch.priority) if batch.priority else None,
    }
    return {name: value for name, value in metadata.items() if value}


def _stats(batch: Batch) -> dict[str, str]:
    pending = 0 if batch.terminal else batch.total or 0
    counts = {
        "requestCount": batch.total or 0,
        "successfulRequestCount": batch.succeeded,
        "failedRequestCount": batch.failed,
        "pendingRequestCount": pending,
    }
    if batch.terminal and batch.result_options:
        counts |= batch.result_options.get("stats", {})
    return {name: str(count) for name, count in counts.items() if count}


def _output(batch: Batch, results: Path) -> dict[str, Any]:
    if batch.results_file:
        return {"responsesFile": batch.results_file}
    with results.open("rb") as file:
        return {"inlinedResponses": {"inlinedResponses": [json.loads(line) for line in file]}}
