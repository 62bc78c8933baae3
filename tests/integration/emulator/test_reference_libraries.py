"""Other libraries of Standard Webhooks: they accept what the emulator signs for registered webhooks,
and the receiver accepts what they sign."""

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretBytes

from gemini_operator.receiver.signatures import headers, table
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.verdict import Verdict
from tests import javascript
from tests.integration.emulator.conftest import Callback, Gemini, Inbox

# They are downloaded; the Python library judges the same signatures in test_static_webhooks.py.
pytestmark = pytest.mark.exhaustive

HERE = Path(__file__).parent / "reference"
STRANGER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Cases:
    """Deliveries in a file that the libraries read, and which of them are genuine."""

    rows: list[tuple[str, dict[str, Any], bool]]
    """Secret, delivery, and whether it is genuine."""
    file: Path

    def judge(self, printed: str) -> None:
        """The opinions of a library are right, and the receiver shares them."""
        opinions = json.loads(printed)
        genuine = [row[2] for row in self.rows]
        assert [opinion["accepted"] for opinion in opinions] == genuine
        for (secret, delivery, _), opinion in zip(self.rows, opinions, strict=True):
            assert accepted(secret, delivery, opinion["signature"])
            assert not accepted(secret, delivery | {"body": "{}"}, opinion["signature"])


def accepted(secret: str, delivery: dict[str, Any], signature: str) -> bool:
    """Whether the receiver's check accepts the delivery with this signature."""
    shown = delivery["headers"] | {"webhook-signature": signature}
    claimed = headers.read([(name.encode(), value.encode()) for name, value in shown.items()])
    assert claimed is not None
    keys = KeySet(hmac=(SecretBytes(base64.b64decode(secret.removeprefix("whsec_"))),))
    body = delivery["body"].encode()
    found = table.verify(table.STATIC, claimed, body, keys, claimed.timestamp)
    return found.verdict is Verdict.VALID


async def call(gemini: Gemini, path: str, body: Any) -> Any:
    status, answer = await gemini.call("POST", path, body)
    assert status == 200, answer
    return answer


def as_json(callback: Callback) -> dict[str, Any]:
    headers = {n: v for n, v in callback.headers.items() if n.startswith("webhook-")}
    return {"headers": headers, "body": callback.body.decode()}


@pytest.fixture
async def cases(gemini: Gemini, inbox: Inbox, tmp_path: Path) -> Cases:
    """A ping with one signature, and an event of the overlap of two secrets."""
    fields = {"uri": inbox.url, "subscribed_events": ["batch.succeeded"]}
    webhook = await call(gemini, "webhooks", fields)
    older = webhook["new_signing_secret"]
    await call(gemini, f"webhooks/{webhook['id']}:ping", None)
    await inbox.wait(1)
    newer = (await call(gemini, f"webhooks/{webhook['id']}:rotateSigningSecret", {}))["secret"]
    await gemini.create()
    ping, event = map(as_json, await inbox.wait(2))
    altered = event | {"body": event["body"] + " "}
    another = event | {"headers": event["headers"] | {"webhook-id": "msg_another"}}
    rows = [
        (older, ping, True),
        (newer, ping, False),
        (older, event, True),
        (newer, event, True),
        (STRANGER, event, False),
        (newer, altered, False),
        (newer, another, False),
    ]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([{"secret": secret, **one} for secret, one, _ in rows]))
    return Cases(rows, file)


def test_the_javascript_library_and_the_receiver_agree(cases: Cases, tmp_path: Path) -> None:
    packages = javascript.installed(HERE / "javascript")
    script = HERE / "javascript" / "verify.mjs"
    cases.judge(javascript.run(script, packages, tmp_path, str(cases.file)))


def test_the_go_library_and_the_receiver_agree(cases: Cases) -> None:
    if not shutil.which("go"):
        pytest.skip("go is not on this machine")
    result = subprocess.run(
        ["go", "run", ".", str(cases.file)],
        cwd=HERE / "go",
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    cases.judge(result.stdout)
