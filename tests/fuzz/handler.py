"""The whole receiver: the bytes of a connection in, responses and effects out.

The first three bytes choose how the world behind the receiver answers. Then come the bytes of the
connection, in which some marks stand for others: see `_MARKS`.
"""

import hashlib
import json
import math
import re
import tempfile
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

from gemini_operator.api.group import GROUP, VERSION
from gemini_operator.base import metrics
from gemini_operator.callbacks import address
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.kube import patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.receiver import event
from gemini_operator.receiver.budget import WriteBudget
from gemini_operator.receiver.handler import CallbackHandler
from gemini_operator.receiver.jwks.store import JwksStore
from gemini_operator.receiver.record import DeliveryRecorder, StatusProbe
from gemini_operator.receiver.responses import STATUS
from gemini_operator.receiver.server import _Server
from gemini_operator.receiver.settings import Limits
from gemini_operator.receiver.signatures.keys import KeySet, RsaKey
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from gemini_operator.receiver.signatures.verdict import SignedContent
from gemini_operator.receiver.verification import Verifier
from gemini_operator.receiver.webhooks.dynamic import DynamicWebhooks
from gemini_operator.receiver.webhooks.secrets import SecretDirectory
from gemini_operator.receiver.webhooks.static import StaticRecorder, StaticWebhooks
from tests.callback_keys import KEY
from tests.deliveries import EVENT_ID, encoded
from tests.fuzz import rs256
from tests.fuzz.address import TARGET
from tests.fuzz.choices import Choices
from tests.fuzz.connection import Loop, exchange
from tests.fuzz.deliveries import BODY, NOW, SECRET, SIGNER
from tests.fuzz.effects import ANSWERS, SILENCE, CountingClient, CountingPublisher, Effects, Silence

# The client waits here for as long as the server does.
_PAUSE = b"$W"
# The bytes before and behind this arrive one after the other.
_DIVIDER = b"$/"

_DIRECTORY = tempfile.TemporaryDirectory(prefix="gemini-operator-fuzz-")
_PATH = "/v1/static/default/reviews"
_CLAIMS: dict[str, Any] = {"iat": NOW, "exp": NOW + 600}


def _keys() -> KeyDirectory:
    path = Path(_DIRECTORY.name) / "keys"
    path.mkdir()
    (path / "key").write_text(KEY)
    # Its time stands still, so the files are read once.
    return KeyDirectory(path, "key", clock=lambda: 0.0)


def _secrets() -> SecretDirectory:
    path = Path(_DIRECTORY.name) / "static"
    (path / "default" / "reviews").mkdir(parents=True)
    (path / "default" / "reviews" / "first").write_text(SECRET.text)
    return SecretDirectory(path)


def _jwt() -> bytes:
    header = {"alg": "RS256", "kid": "key-1"}
    return rs256.token(encoded(header), encoded(_CLAIMS))


def _lines(headers: dict[str, str]) -> bytes:
    return "\r\n".join(f"{name}: {value}" for name, value in headers.items()).encode()


_KEYS = _keys()
_SECRETS = _secrets()
_ADDRESS = address.url("", _KEYS.signing(), TARGET)
_TOKEN = _ADDRESS.rpartition("/")[2]
_ED25519 = SIGNER.headers(BODY, timestamp=NOW)
_HMAC = SECRET.headers(BODY, timestamp=NOW)
_JWT = _jwt()
_MARKS = {
    b"$D": _ADDRESS.encode(),
    b"$S": _PATH.encode(),
    # The headers of a delivery to each address.
    b"$E": _lines(_ED25519),
    b"$H": _lines(_HMAC),
    b"$I": _lines(_ED25519 | {"webhook-signature": ""}),
    b"$J": _JWT,
    b"$B": BODY,
    b"$L": b"%d" % len(BODY),
    # More than a body may have.
    b"$M": b"m" * (Limits().body_bytes + 1),
}
# The most times that a mark is replaced, so that no input is slow for its length alone.
_MOST_MARKS = 16
_GOOGLES = KeySet(ed25519=(SIGNER.private.public_key(),), rsa=(RsaKey("key-1", rs256.PUBLIC),))
_OTHERS = KeySet(rsa=(RsaKey("key-2", rs256.FOREIGN_PUBLIC),))
_PUBLISHED: tuple[tuple[KeySet | Silence | None, ...], ...] = (
    (_GOOGLES,),
    (_OTHERS, _GOOGLES),
    (None, _GOOGLES),
    (_OTHERS, None),
    (SILENCE, _GOOGLES),
    (_OTHERS, SILENCE),
)


def _allowed() -> list[tuple[bytes, object]]:
    """Every patch that may be sent, and the signature without which it may not."""
    from_body = SignedContent(EVENT_ID, NOW, BODY)
    digest = hashlib.sha256(json.dumps(_CLAIMS, sort_keys=True).encode()).hexdigest()
    from_claims = SignedContent(f"jwt_{digest[:32]}", NOW, b"")
    found: list[tuple[bytes, object]] = []
    signatures = (_ED25519["webhook-signature"].encode(), from_body), (_JWT, from_claims)
    for signature, content in signatures:
        derived = event.derive(content, TARGET.attempt)
        written = derived.model_dump(mode="json", by_alias=True, exclude_none=True)
        found.append((signature, patches.record_event(TARGET.uid, TARGET.attempt, written)))
    derived = event.derive(from_body, TARGET.attempt)
    written = derived.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"attempt"})
    batch = derived.remote_name or ""
    of_batch = patches.record_event_of_batch(TARGET.uid, batch, written)
    return [*found, (_HMAC["webhook-signature"].encode(), of_batch)]


_ALLOWED = _allowed()
# Jobs that run the batch of an event.
_FOUND = (0, 1, 2, None)
_STATUS_PATH = (
    *("apis", GROUP, VERSION, "namespaces", TARGET.namespace),
    *(TARGET.plural, TARGET.name, "status"),
)
_STATUSES = {100, 503, *STATUS.values()}
_RESPONSE = re.compile(
    rb"HTTP/\d\.\d (?P<status>\d{3}) (?P<phrase>[A-Za-z ]+)\r\n(?:[A-Za-z-]+: [ -~]+\r\n)*\r\n"
)
_LOOP = Loop()


def one_input(data: bytes) -> None:
    choices = Choices(data)
    effects = Effects()
    client = CountingClient(effects, choices.pick(ANSWERS), choices.pick(_FOUND))
    publisher = CountingPublisher(effects, choices.pick(_PUBLISHED))
    sent = choices.rest()
    for mark, meaning in _MARKS.items():
        sent = sent.replace(mark, meaning, _MOST_MARKS)
    _observe(effects)
    before = _internal_errors()
    received = _LOOP.run_until_complete(_serve(client, publisher, sent))
    assert not effects.failures, effects.failures
    assert _internal_errors() == before
    whole = sent.replace(_DIVIDER, b"").replace(_PAUSE, b"")
    statuses = _statuses(received)
    assert statuses <= _STATUSES
    # Google never sends an event again after a 200.
    assert 200 not in statuses or any(signature in whole for signature, _ in _ALLOWED)
    _check_effects(whole, effects)
    # Neither a response nor a line of the log has the secret of an address (S16).
    assert _TOKEN.encode() not in received
    assert not any(_TOKEN in line for line in effects.log)


async def _serve(client: CountingClient, publisher: CountingPublisher, sent: bytes) -> bytes:
    jobs = BatchJobs(client)
    recorder = DeliveryRecorder(jobs, StatusProbe(client))
    verifier = Verifier(JwksStore(publisher.fetch, clock=_LOOP.time))
    budget = WriteBudget(clock=_LOOP.time)
    limits = Limits()
    handler = CallbackHandler(
        [
            DynamicWebhooks(_KEYS, verifier, recorder, budget, TokenPolicy()),
            StaticWebhooks(_SECRETS, StaticRecorder(jobs, recorder)),
        ],
        limits=limits,
        now=lambda: float(NOW),
    )
    return await exchange(_LOOP, _Server(handler, limits)(), _acts(sent))


def _acts(sent: bytes) -> list[bytes | None]:
    acts: list[bytes | None] = []
    for number, part in enumerate(sent.split(_PAUSE)):
        acts += [None] * (number > 0)
        acts += [piece for piece in part.split(_DIVIDER) if piece]
    return acts


def _observe(effects: Effects) -> None:
    """Collect the log, and what a process would report as a failure of its own."""

    def collect(_logger: Any, method: str, line: MutableMapping[str, Any]) -> str:
        effects.log.append(repr(line))
        if line["event"] in _FAILURES:
            effects.failures.append(f"{method}: {line}")
        raise structlog.DropEvent

    structlog.configure(processors=[collect], cache_logger_on_first_use=False)
    _LOOP.set_exception_handler(lambda _, context: effects.failures.append(repr(context)))


_SCHEMES = ("none", "v1", "v1a", "jwt")
_FAILURES = ("a request failed with an internal error", "a connection failed")


def _internal_errors() -> float:
    counters = [metrics.RECEIVER_REQUESTS.labels("internal", scheme) for scheme in _SCHEMES]
    return math.fsum(counter._value.get() for counter in counters)


def _statuses(received: bytes) -> set[int]:
    """Return the statuses of all responses, and assert that nothing else was sent."""
    found: set[int] = set()
    while received:
        head = _RESPONSE.match(received)
        assert head is not None, received[:200]
        found.add(int(head["status"]))
        # The response to HEAD has no body.
        received = received[head.end() :].removeprefix(head["phrase"] + b"\n")
    return found


def _check_effects(sent: bytes, effects: Effects) -> None:
    """Assert that nothing was done for bytes without the proof that it needs."""
    dynamic, static = _TOKEN.encode() in sent, _PATH.encode() in sent
    assert dynamic or not effects.fetches
    assert static or not effects.lists
    assert dynamic or static or not effects.happened
    # For a static webhook nothing at all is done before its signature is verified.
    assert not effects.lists or _HMAC["webhook-signature"].encode() in sent
    # The probe of the status changes nothing, and follows a write.
    assert not effects.writes or effects.writes[0][1] != []
    for path, body in effects.writes:
        assert path == _STATUS_PATH
        assert body == [] or any(
            body == patch and signature in sent for signature, patch in _ALLOWED
        )
