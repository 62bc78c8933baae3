"""Google's side: every batch that was ever created in a history, with its state."""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.emulator_process import API_KEY, EmulatorProcess
from tests.histories.expected import BY_HAND
from tests.operator_process import generate

TOKEN = re.compile(r" \[([0-9a-f]{8})-([0-9a-f]{16})\]$")
OPEN = ("PENDING", "RUNNING")


@dataclass(frozen=True)
class Batch:
    """One batch. Times are Google's, as text that sorts."""

    name: str
    display_name: str
    state: str
    created: str
    ended: str | None
    uris: Sequence[str]
    exists: bool
    """False once it has been deleted."""

    @property
    def open(self) -> bool:
        return self.exists and self.state in OPEN

    @property
    def owner(self) -> str:
        """The first eight digits of the uid of the job that submitted it; empty for a batch by hand."""
        token = TOKEN.search(self.display_name)
        return token[1] if token else ""

    @property
    def attempt(self) -> str:
        token = TOKEN.search(self.display_name)
        return token[2] if token else ""


class Google:
    """The emulator, used as a person with an API key of the project uses Google."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self.emulator = emulator

    def batches(self) -> list[Batch]:
        """All batches of the history, deleted ones too, oldest first."""
        state = self.emulator.state()
        rows = [(row, True) for row in state["jobs"]] + [(r, False) for r in state["deletedJobs"]]
        return sorted(
            (_batch(row, exists=exists) for row, exists in rows), key=lambda batch: batch.created
        )

    def batches_of(self, uid: str) -> list[Batch]:
        """The batches that were submitted for the job with this uid."""
        return [batch for batch in self.batches() if uid and batch.owner == uid[:8]]

    def end(self, batch: str, action: str) -> bool:
        """Let a batch succeed, fail, expire or be cancelled. Return whether it was still open."""
        try:
            self.emulator.job(batch, action)
        except AssertionError:
            return False
        return True

    def delete(self, batch: str) -> None:
        """Delete a batch with the API key. A fault of the emulator may prevent it."""
        self._call("DELETE", batch)

    def submit(self, display_name: str, key: str = API_KEY, uris: Sequence[str] = ()) -> str:
        """Submit a batch without the operator. Return its name, empty if a fault hid it."""
        requests = [{"request": generate("Say it."), "metadata": {"key": BY_HAND}}]
        batch: dict[str, Any] = {
            "displayName": display_name,
            "inputConfig": {"requests": {"requests": requests}},
        }
        if uris:
            batch["webhookConfig"] = {"uris": list(uris)}
        path = "models/gemini-2.5-flash:batchGenerateContent"
        answer = self._call("POST", path, {"batch": batch}, key)
        return str(answer["name"]) if answer else ""

    def deliveries(self) -> list[str]:
        """The ids of all events that Google delivered or tried to, in order."""
        rows = self.emulator.state()["deliveries"]
        return list(dict.fromkeys(row["id"] for row in rows))

    def deliver_again(self, event: str) -> None:
        self.emulator.control("POST", f"deliveries/{event}")

    def _call(self, method: str, path: str, body: object = None, key: str = API_KEY) -> Any:
        """Call the emulator. Return None if a fault prevents it or the object does not exist."""
        request = urllib.request.Request(
            f"{self.emulator.url}/v1beta/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"x-goog-api-key": key, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except (OSError, ValueError, http.client.HTTPException):
            return None


def _batch(row: dict[str, Any], *, exists: bool) -> Batch:
    return Batch(
        name=row["name"],
        display_name=row["displayName"],
        state=row["state"].removeprefix("BATCH_STATE_"),
        created=row["createTime"],
        ended=row["endTime"],
        uris=row["uris"],
        exists=exists,
    )
