"""Events from bodies that are signed: Google may send what nobody has seen yet."""

import json
import re

from gemini_operator.api.v1alpha1.status import LastEvent
from gemini_operator.kube import patches
from gemini_operator.receiver import event
from gemini_operator.receiver.signatures.verdict import SignedContent
from tests.deliveries import EVENT_ID
from tests.fuzz.address import TARGET
from tests.fuzz.choices import Choices, edited
from tests.fuzz.deliveries import BODY, NOW

_TIMES = (NOW, 1, 0, 10**12 - 1, 253402300799, 253402300800)
_VALUES = (
    b'"2026-11-03T09:41:27.250Z"',
    b'"0001-01-01T00:00:00+23:59"',
    b'"9999-12-31T23:59:59-23:59"',
    b'"2026-W45-2T09"',
    b'"batches/abc"',
    b'"batch.succeeded"',
    b'"batch.\\ud800"',
    b"1e999",
    b"NaN",
    b"null",
    b"[]",
    b'{"id": "batches/x"}',
    b'{"id": {"id": 1}}',
)
_MEMBERS = (b"type", b"timestamp", b"data", b"version", b"id")
_SHAPES = (b"%b", b"[%b]", b"\xef\xbb\xbf%b", b'{"data": %b}', b"%b ")
_TEXT = re.compile(r"[A-Za-z0-9_./-]{1,140}")


def one_input(data: bytes) -> None:
    choices = Choices(data)
    signed = SignedContent(EVENT_ID, choices.pick(_TIMES), _body(choices))
    found = event.derive(signed, TARGET.attempt)
    assert found == event.derive(signed, TARGET.attempt)
    event.concerns(found, "batch")
    _check(found)


def _body(choices: Choices) -> bytes:
    match choices.number() % 4:
        case 0:
            return choices.rest()
        case 1:
            return edited(BODY, choices)
        case 2:
            # Deeper than the parser can follow.
            return choices.pick((b"[", b'{"data":')) * (1 + choices.number() * 200)
        case _:
            return choices.pick(_SHAPES) % _object(choices)


def _object(choices: Choices) -> bytes:
    members = [
        b'"%b": %b' % (choices.pick(_MEMBERS), edited(choices.pick(_VALUES), choices))
        for _ in range(choices.number() % 5)
    ]
    return b"{" + b", ".join(members) + b"}"


def _check(found: LastEvent) -> None:
    """Assert that the event can be stored, and holds nothing but short plain text."""
    written = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert LastEvent.model_validate(written) == found
    assert len(json.dumps(patches.record_event(TARGET.uid, TARGET.attempt, written))) < 2048
    assert found.id == EVENT_ID
    assert found.attempt == TARGET.attempt
    for text in (found.type, found.remote_name):
        assert text is None or _TEXT.fullmatch(text)
    assert found.remote_name is None or found.remote_name.startswith("batches/")
