"""Callbacks: their events, and deliveries that are retried until a 2xx response.

An event is thin, as https://ai.google.dev/gemini-api/docs/webhooks shows. Deliveries survive a
restart.
"""

import asyncio
import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from gemini_emulator.addresses import Prefix, allowed_url
from gemini_emulator.batches import CANCELLED, EXPIRED, FAILED, SUCCEEDED, Batch
from gemini_emulator.schedule import DelayQueue, RetrySchedule, TimeSource, rfc3339_seconds
from gemini_emulator.signing import Message, SigningKeys
from gemini_emulator.signing_secrets import signature
from gemini_emulator.store import read_json, write_json
from gemini_emulator.webhooks import Webhook, WebhookStore

TYPES = {
    SUCCEEDED: "batch.succeeded",
    FAILED: "batch.failed",
    CANCELLED: "batch.cancelled",
    EXPIRED: "batch.expired",
}
PING = "webhooks.ping"
_NAMESPACE = uuid.UUID("6f2a4a5e-3a55-4d55-9f7e-2b0c7e4a1c11")


def event_type(batch: Batch) -> str:
    return TYPES[batch.state]


def event_id(batch: Batch, recipient: str) -> str:
    """Return the event's id, which depends only on the batch, its state and the recipient.

    The recipient is an address of the batch, or the id of a registered webhook.
    """
    return f"msg_{uuid.uuid5(_NAMESPACE, f'{batch.id} {batch.state} {recipient}')}"


def payload(batch: Batch, base_url: str) -> str:
    """Return the body of the callback for an ended batch.

    Google does not document where an event holds `user_metadata`; here it is in `data`. Nor does it
    document whether `data.id` is `batches/<id>` or the bare id; here it is `batches/<id>`.
    """
    data: dict[str, Any] = {"id": batch.name}
    if batch.results_file:
        data["output_file_uri"] = f"{base_url}/v1beta/{batch.results_file}"
    if batch.state == FAILED and batch.error:
        data |= {"error_code": batch.error["code"], "error_message": batch.error["message"]}
    if batch.user_metadata:
        data["user_metadata"] = batch.user_metadata
    return _event(event_type(batch), batch.ended or batch.updated, data)


def ping_payload(webhook: Webhook, now: float) -> str:
    """Return the body of a ping.

    Google does not document it. Here it has the members of every event, and `data` holds the id of
    the webhook.
    """
    return _event(PING, now, {"id": webhook.id})


def _event(kind: str, moment: float, data: dict[str, Any]) -> str:
    event = {"type": kind, "version": "v1", "timestamp": rfc3339_seconds(moment), "data": data}
    return json.dumps(event, separators=(",", ":"))


PENDING, DELIVERED, REFUSED, GIVEN_UP = "pending", "delivered", "refused", "given up"
_RESPONSE_TIMEOUT = aiohttp.ClientTimeout(total=10.0)
_CONNECTIONS = 64


@dataclass
class CallbackDelivery:
    """One event for one address.

    `attempts` holds the result of each attempt: an HTTP status, or the kind of failure. `webhook`
    is the id of the registered webhook that the address belongs to; it is empty if the batch named
    the address. `job` is empty for a ping.
    """

    id: str
    job: str
    type: str
    uri: str
    body: str
    created: float
    due: float | None
    outcome: str = PENDING
    attempts: list[int | str] = field(default_factory=list)
    webhook: str = ""


class Deliveries:
    """All deliveries, in memory and on disk, and the loop that sends them."""

    def __init__(
        self,
        root: Path,
        *,
        keys: SigningKeys,
        webhooks: WebhookStore,
        allowed: tuple[Prefix, ...],
        retries: RetrySchedule,
        clock: TimeSource,
    ) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root
        self._keys = keys
        self._webhooks = webhooks
        self._allowed = allowed
        self._retries = retries
        self._clock = clock
        self._queue = DelayQueue(clock)
        self._in_flight: set[str] = set()
        self._deliveries: dict[str, CallbackDelivery] = {}
        for path in sorted(root.glob("msg_*.json")):
            self._index(CallbackDelivery(**read_json(path)))
        self.base_url = ""

    def __iter__(self) -> Iterator[CallbackDelivery]:
        return iter(tuple(self._deliveries.values()))

    def announce(self, batch: Batch) -> None:
        """Add a delivery for each recipient of an ended batch; existing deliveries do not change.

        The batch's own addresses are used instead of the project's registered webhooks.
        """
        kind, body = event_type(batch), payload(batch, self.base_url)
        for uri in batch.uris:
            self._add(event_id(batch, uri), kind, body, uri, job=batch.name)
        for webhook in () if batch.uris else self._webhooks.subscribed(batch.project, kind):
            identity = event_id(batch, webhook.id)
            self._add(identity, kind, body, webhook.uri, job=batch.name, webhook=webhook.id)

    def ping(self, webhook: Webhook) -> None:
        """Add a delivery that tests a registered webhook."""
        body = ping_payload(webhook, self._clock())
        self._add(f"msg_{uuid.uuid4()}", PING, body, webhook.uri, webhook=webhook.id)

    def _add(
        self, identity: str, kind: str, body: str, uri: str, *, job: str = "", webhook: str = ""
    ) -> None:
        if identity in self._deliveries:
            return
        now = self._clock()
        allowed = allowed_url(uri, self._allowed) is not None
        delivery = CallbackDelivery(
            id=identity,
            job=job,
            type=kind,
            uri=uri,
            body=body,
            created=now,
            due=now if allowed else None,
            outcome=PENDING if allowed else REFUSED,
            webhook=webhook,
        )
        self._save(delivery)

    def redeliver(self, delivery_id: str) -> bool:
        """Send an event again; return False if it is unknown or its address is not allowed."""
        delivery = self._deliveries.get(delivery_id)
        if delivery is None or delivery.outcome == REFUSED:
            return False
        delivery.outcome, delivery.due = PENDING, self._clock()
        self._save(delivery)
        return True

    def clear(self) -> None:
        for delivery in self:
            del self._deliveries[delivery.id]
            self._path(delivery).unlink(missing_ok=True)

    async def run(self) -> None:
        """Send deliveries when they are due, until cancelled."""
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS), timeout=_RESPONSE_TIMEOUT
        )
        async with session, asyncio.TaskGroup() as attempts:
            while True:
                for delivery in self._take_due():
                    self._in_flight.add(delivery.id)
                    attempts.create_task(self._attempt(session, delivery))
                await self._queue.wait()

    def _take_due(self) -> list[CallbackDelivery]:
        now = self._clock()
        found = [self._deliveries.get(identity) for identity in self._queue.take()]
        return [
            delivery
            for delivery in found
            if delivery and delivery.due is not None and delivery.due <= now
            if delivery.id not in self._in_flight
        ]

    async def _attempt(self, session: aiohttp.ClientSession, delivery: CallbackDelivery) -> None:
        try:
            status = await self._post(session, delivery) if self._is_wanted(delivery) else None
        finally:
            self._in_flight.discard(delivery.id)
        self._record(delivery, status)
        if delivery.id in self._deliveries:
            self._save(delivery)

    def _record(self, delivery: CallbackDelivery, status: int | str | None) -> None:
        """Record an attempt's status, or None if the event is not wanted any more."""
        if status is None:
            delivery.outcome, delivery.due = GIVEN_UP, None
            return
        delivery.attempts.append(status)
        if isinstance(status, int) and 200 <= status < 300:
            delivery.outcome, delivery.due = DELIVERED, None
        else:
            now = self._clock()
            delivery.due = self._retries.next_attempt(delivery.created, len(delivery.attempts), now)
            delivery.outcome = GIVEN_UP if delivery.due is None else PENDING

    def _is_wanted(self, delivery: CallbackDelivery) -> bool:
        """Return False once the delivery's registered webhook is disabled or deleted."""
        webhook = self._webhooks.get(delivery.webhook)
        return webhook.enabled if webhook else not delivery.webhook

    async def _post(self, session: aiohttp.ClientSession, delivery: CallbackDelivery) -> int | str:
        """Send one attempt with a fresh timestamp; return its status or the kind of failure.

        Redirects are not followed: their target was not checked against the allowed addresses.
        """
        url = allowed_url(delivery.uri, self._allowed)
        if url is None:
            return REFUSED
        body = delivery.body.encode()
        message = Message(delivery.id, int(self._clock()), body, delivery.uri)
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": message.id,
            "Webhook-Timestamp": str(message.timestamp),
            "Webhook-Signature": self._signature(delivery, message),
        }
        try:
            async with session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return response.status
        except TimeoutError:
            return "timeout"
        except (aiohttp.ClientError, OSError):
            return "connection error"

    def _signature(self, delivery: CallbackDelivery, message: Message) -> str:
        """Sign with the secrets that the webhook has now, or with the keys of the JWKS."""
        if not delivery.webhook:
            return self._keys.signature(message)
        webhook = self._webhooks.get(delivery.webhook)
        secrets = webhook.valid_secrets(message.timestamp) if webhook else ()
        return signature(secrets, message)

    def _save(self, delivery: CallbackDelivery) -> None:
        write_json(self._path(delivery), asdict(delivery))
        self._index(delivery)

    def _index(self, delivery: CallbackDelivery) -> None:
        self._deliveries[delivery.id] = delivery
        self._queue.put(delivery.id, delivery.due)

    def _path(self, delivery: CallbackDelivery) -> Path:
        return self._root / f"{delivery.id}.json"


def attempt_rows(delivery: CallbackDelivery) -> list[dict[str, Any]]:
    """Return one row per attempt; a delivery without attempts has one row, with number 0."""
    common = {
        "job": delivery.job,
        "id": delivery.id,
        "type": delivery.type,
        "uri": delivery.uri,
        "webhook": delivery.webhook,
        "outcome": delivery.outcome,
    }
    attempts = list(enumerate(delivery.attempts, 1)) or [(0, delivery.outcome)]
    return [common | {"attempt": number, "status": status} for number, status in attempts]
