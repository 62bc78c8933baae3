"""Registered webhooks: addresses that a project registers once for the events of all its jobs.

A batch that names its own addresses is announced only there. The members of the resource are in
snake_case, unlike those of batches and files, as in the types of the google-genai SDK.
"""

import string
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from secrets import choice
from typing import Any, Literal

from gemini_emulator.errors import not_found
from gemini_emulator.schedule import TimeSource, rfc3339
from gemini_emulator.signing_secrets import OVERLAP, SigningSecret
from gemini_emulator.store import read_json, write_json

WebhookState = Literal["enabled", "disabled", "disabled_due_to_failed_deliveries"]

_ALPHABET = string.ascii_lowercase + string.digits
_ID_LENGTH = 32


@dataclass(frozen=True)
class Webhook:
    """One registered webhook; times are seconds since 1970, and the newest secret is the first."""

    id: str
    project: str
    uri: str
    subscribed_events: list[str]
    created: float
    updated: float
    name: str = ""
    state: WebhookState = "enabled"
    secrets: list[SigningSecret] = field(default_factory=list)

    @property
    def enabled(self) -> bool:
        return self.state == "enabled"

    def valid_secrets(self, now: float) -> list[SigningSecret]:
        """Return the secrets that sign at this moment, newest first."""
        return [secret for secret in self.secrets if secret.is_valid(now)]

    def resource(self, now: float) -> dict[str, Any]:
        """Return the webhook as the API shows it; secrets are truncated."""
        resource = {
            "id": self.id,
            "name": self.name,
            "uri": self.uri,
            "subscribed_events": self.subscribed_events,
            "state": self.state,
            "create_time": rfc3339(self.created),
            "update_time": rfc3339(self.updated),
            "signing_secrets": [secret.resource() for secret in self.valid_secrets(now)],
        }
        return {name: value for name, value in resource.items() if value}


class WebhookStore:
    """The webhooks of all projects, in memory and on disk."""

    def __init__(self, root: Path, clock: TimeSource) -> None:
        self._root = root
        self._clock = clock
        records = [read_json(path) for path in sorted(root.glob("*.json"))]
        self._webhooks = {record["id"]: _from_record(record) for record in records}

    def __iter__(self) -> Iterator[Webhook]:
        return iter(tuple(self._webhooks.values()))

    def add(self, project: str, fields: dict[str, Any]) -> Webhook:
        """Add an enabled webhook with a new secret; `fields` are those that a client may set."""
        now = self._clock()
        webhook = Webhook(
            id="".join(choice(_ALPHABET) for _ in range(_ID_LENGTH)),
            project=project,
            created=now,
            updated=now,
            secrets=[SigningSecret.generate()],
            **fields,
        )
        return self._save(webhook)

    def get(self, webhook_id: str) -> Webhook | None:
        return self._webhooks.get(webhook_id)

    def find(self, project: str, webhook_id: str) -> Webhook:
        """Return a webhook of the project.

        Raises:
            ApiError: 404, there is none; also for another project's webhook.
        """
        webhook = self._webhooks.get(webhook_id)
        if webhook is None or webhook.project != project:
            raise not_found()
        return webhook

    def subscribed(self, project: str, event_type: str) -> list[Webhook]:
        """Return the project's enabled webhooks that want events of this type."""
        return [
            webhook
            for webhook in self
            if webhook.project == project
            if webhook.enabled and event_type in webhook.subscribed_events
        ]

    def update(self, webhook: Webhook, fields: dict[str, Any]) -> Webhook:
        return self._save(replace(webhook, updated=self._clock(), **fields))

    def rotate(self, webhook: Webhook, *, revoke: bool) -> SigningSecret:
        """Add a secret. The older ones end now if `revoke`, else after the overlap."""
        now = self._clock()
        newest = SigningSecret.generate()
        older = [] if revoke else webhook.valid_secrets(now)
        kept = [secret.expire_by(now + OVERLAP) for secret in older]
        self._save(replace(webhook, updated=now, secrets=[newest, *kept]))
        return newest

    def remove(self, webhook: Webhook) -> None:
        if self._webhooks.pop(webhook.id, None):
            self._path(webhook).unlink(missing_ok=True)

    def clear(self) -> None:
        for webhook in self:
            self.remove(webhook)

    def _save(self, webhook: Webhook) -> Webhook:
        write_json(self._path(webhook), asdict(webhook))
        self._webhooks[webhook.id] = webhook
        return webhook

    def _path(self, webhook: Webhook) -> Path:
        return self._root / f"{webhook.id}.json"


def _from_record(record: dict[str, Any]) -> Webhook:
    secrets = [SigningSecret(**secret) for secret in record.pop("secrets")]
    return Webhook(**record, secrets=secrets)
