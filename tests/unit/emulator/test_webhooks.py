from pathlib import Path

import pytest

from gemini_emulator.errors import ApiError
from gemini_emulator.signing_secrets import OVERLAP
from gemini_emulator.webhooks import Webhook, WebhookStore

from .conftest import ManualClock

FIELDS = {"name": "n", "uri": "https://h/x", "subscribed_events": ["batch.succeeded"]}


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> WebhookStore:
    return WebhookStore(tmp_path, clock)


def secrets(store: WebhookStore, webhook: Webhook, now: float) -> list[str]:
    return [one.secret for one in store.find("demo", webhook.id).valid_secrets(now)]


def test_a_webhook_is_read_back_as_it_was(
    tmp_path: Path, clock: ManualClock, store: WebhookStore
) -> None:
    webhook = store.add("demo", FIELDS)
    store.rotate(webhook, revoke=False)
    again = WebhookStore(tmp_path, clock)
    assert list(again) == list(store)
    assert again.find("demo", webhook.id).secrets == store.find("demo", webhook.id).secrets


def test_the_resource_is_in_snake_case_and_shows_no_whole_secret(
    clock: ManualClock, store: WebhookStore
) -> None:
    webhook = store.add("demo", FIELDS)
    resource = webhook.resource(clock.now)
    assert resource == {
        "id": webhook.id,
        "name": "n",
        "uri": "https://h/x",
        "subscribed_events": ["batch.succeeded"],
        "state": "enabled",
        "create_time": "2025-06-15T15:06:40.000000000Z",
        "update_time": "2025-06-15T15:06:40.000000000Z",
        "signing_secrets": [{"truncated_secret": f"whsec_...{webhook.secrets[0].secret[-4:]}"}],
    }
    assert webhook.secrets[0].secret not in str(resource)


def test_another_projects_webhook_is_not_found(store: WebhookStore) -> None:
    webhook = store.add("demo", FIELDS)
    with pytest.raises(ApiError) as caught:
        store.find("other", webhook.id)
    assert caught.value.code == 404


def test_only_enabled_and_subscribed_webhooks_of_the_project_are_called(
    store: WebhookStore,
) -> None:
    webhook = store.add("demo", FIELDS)
    store.add("other", FIELDS)
    store.add("demo", FIELDS | {"subscribed_events": ["batch.failed"]})
    store.update(store.add("demo", FIELDS), {"state": "disabled"})
    assert store.subscribed("demo", "batch.succeeded") == [webhook]
    assert store.subscribed("demo", "batch.expired") == []


def test_an_update_changes_what_it_names_and_the_time(
    clock: ManualClock, store: WebhookStore
) -> None:
    webhook = store.add("demo", FIELDS)
    clock.advance(5)
    updated = store.update(webhook, {"name": ""})
    assert updated.updated == webhook.created + 5
    assert (updated.name, updated.uri, updated.secrets) == ("", webhook.uri, webhook.secrets)
    assert "name" not in updated.resource(clock.now)
    assert store.find("demo", webhook.id) == updated


def test_a_rotation_leaves_the_older_secret_valid_for_a_day(
    clock: ManualClock, store: WebhookStore
) -> None:
    webhook = store.add("demo", FIELDS)
    newest = store.rotate(webhook, revoke=False).secret
    clock.advance(OVERLAP - 1)
    assert secrets(store, webhook, clock.now) == [newest, webhook.secrets[0].secret]
    clock.advance(1)
    assert secrets(store, webhook, clock.now) == [newest]
    (shown,) = store.find("demo", webhook.id).resource(clock.now)["signing_secrets"]
    assert shown == {"truncated_secret": f"whsec_...{newest[-4:]}"}


def test_a_second_rotation_does_not_lengthen_the_first_overlap(
    clock: ManualClock, store: WebhookStore
) -> None:
    webhook = store.add("demo", FIELDS)
    second = store.rotate(webhook, revoke=False).secret
    clock.advance(OVERLAP / 2)
    third = store.rotate(store.find("demo", webhook.id), revoke=False).secret
    assert secrets(store, webhook, clock.now) == [third, second, webhook.secrets[0].secret]
    clock.advance(OVERLAP / 2)
    assert secrets(store, webhook, clock.now) == [third, second]


def test_an_immediate_rotation_revokes_every_older_secret(
    clock: ManualClock, store: WebhookStore
) -> None:
    webhook = store.add("demo", FIELDS)
    store.rotate(webhook, revoke=False)
    newest = store.rotate(store.find("demo", webhook.id), revoke=True).secret
    assert secrets(store, webhook, clock.now) == [newest]


def test_removed_webhooks_are_gone_from_the_disk_too(
    tmp_path: Path, clock: ManualClock, store: WebhookStore
) -> None:
    webhook = store.add("demo", FIELDS)
    store.add("demo", FIELDS)
    store.remove(webhook)
    store.remove(webhook)
    assert len(list(WebhookStore(tmp_path, clock))) == 1
    store.clear()
    assert list(store) == list(WebhookStore(tmp_path, clock)) == []
