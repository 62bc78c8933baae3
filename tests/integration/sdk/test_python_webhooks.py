"""Registered webhooks through google-genai, synchronous and asynchronous."""

from typing import Any

import pytest
from google import genai
from google.genai._gaos.lib import compat_errors as errors

from tests.emulator_process import EmulatorProcess
from tests.integration.sdk.conftest import VERSIONS, options

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

# Port 9 of this machine: nobody listens.
URI = "http://127.0.0.1:9/hooks"
EVENTS = ["batch.succeeded", "batch.failed", "batch.cancelled"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_webhook_lives_from_its_creation_to_its_deletion(
    emulator: EmulatorProcess, api_key: str, version: str
) -> None:
    with genai.Client(api_key=api_key, http_options=options(emulator, version)) as client:
        created = client.webhooks.create(name="ends", uri=URI, subscribed_events=EVENTS)
        assert created.new_signing_secret.startswith("whsec_")
        assert (created.name, created.uri, created.state) == ("ends", URI, "enabled")
        assert created.subscribed_events == EVENTS
        assert created.create_time == created.update_time
        (secret,) = created.signing_secrets
        assert secret.truncated_secret == f"whsec_...{created.new_signing_secret[-4:]}"
        got = client.webhooks.get(created.id)
        assert got == created.model_copy(update={"new_signing_secret": None})
        listed = client.webhooks.list()
        assert (listed.webhooks, listed.next_page_token) == ([got], None)
        client.webhooks.delete(created.id)
        assert client.webhooks.list().webhooks is None
        with pytest.raises(errors.NotFoundError, match="not found"):
            client.webhooks.get(created.id)


def test_an_update_changes_what_its_mask_names(client: genai.Client) -> None:
    webhook = client.webhooks.create(name="ends", uri=URI, subscribed_events=EVENTS)
    changed = client.webhooks.update(
        webhook.id,
        update_mask="state,subscribed_events",
        name="other",
        state="disabled",
        subscribed_events=["batch.expired"],
    )
    assert (changed.name, changed.state) == ("ends", "disabled")
    assert changed.subscribed_events == ["batch.expired"]
    assert changed.update_time > changed.create_time
    again = client.webhooks.update(webhook.id, name="other", state="enabled")
    assert (again.name, again.state, again.uri) == ("other", "enabled", URI)
    assert client.webhooks.get(webhook.id) == again


def test_pages_together_list_every_webhook_once(client: genai.Client) -> None:
    made = {
        client.webhooks.create(uri=URI, subscribed_events=EVENTS, name=str(number)).id
        for number in range(5)
    }
    page = client.webhooks.list(page_size=2)
    pages = [[webhook.id for webhook in page.webhooks]]
    while page.next_page_token:
        page = client.webhooks.list(page_size=2, page_token=page.next_page_token)
        pages.append([webhook.id for webhook in page.webhooks])
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {identity for page in pages for identity in page} == made


def test_a_page_has_fifty_webhooks_by_default(client: genai.Client) -> None:
    for _ in range(51):
        client.webhooks.create(uri=URI, subscribed_events=EVENTS)
    page = client.webhooks.list()
    assert (len(page.webhooks), bool(page.next_page_token)) == (50, True)
    assert len(client.webhooks.list(page_size=5000).webhooks) == 51


def test_a_rotation_shows_when_the_older_secret_expires(client: genai.Client) -> None:
    webhook = client.webhooks.create(uri=URI, subscribed_events=EVENTS)
    second = client.webhooks.rotate_signing_secret(webhook.id).secret
    overlapping = client.webhooks.get(webhook.id)
    newest, older = overlapping.signing_secrets
    assert newest.truncated_secret == f"whsec_...{second[-4:]}"
    assert newest.expire_time is None
    assert older.truncated_secret == webhook.signing_secrets[0].truncated_secret
    assert (older.expire_time - overlapping.update_time).total_seconds() == 24 * 3600
    third = client.webhooks.rotate_signing_secret(
        webhook.id, revocation_behavior="revoke_previous_secrets_immediately"
    ).secret
    (only,) = client.webhooks.get(webhook.id).signing_secrets
    assert only.truncated_secret == f"whsec_...{third[-4:]}"


def test_another_projects_webhook_is_not_found(
    emulator: EmulatorProcess, client: genai.Client
) -> None:
    webhook = client.webhooks.create(uri=URI, subscribed_events=EVENTS)
    key = "emulator-somebody_else-0000000001"
    with genai.Client(api_key=key, http_options=options(emulator)) as other:
        assert other.webhooks.list().webhooks is None
        for call in (
            other.webhooks.get,
            other.webhooks.update,
            other.webhooks.ping,
            other.webhooks.rotate_signing_secret,
            other.webhooks.delete,
        ):
            with pytest.raises(errors.NotFoundError):
                call(webhook.id)
    assert client.webhooks.get(webhook.id).signing_secrets == webhook.signing_secrets


def test_a_mistake_is_refused_in_googles_form(client: genai.Client) -> None:
    with pytest.raises(errors.BadRequestError, match="an http or https address") as caught:
        client.webhooks.create(uri="h/x", subscribed_events=EVENTS)
    assert caught.value.body["error"]["status"] == "INVALID_ARGUMENT"
    with pytest.raises(errors.BadRequestError, match="Invalid page token"):
        client.webhooks.list(page_token="x")
    with pytest.raises(errors.BadRequestError, match="page_size"):
        client.webhooks.list(page_size=-1)


async def test_the_asynchronous_client_has_the_same_methods(aio: Any) -> None:
    created = await aio.webhooks.create(uri=URI, subscribed_events=EVENTS)
    assert (await aio.webhooks.get(created.id)).state == "enabled"
    assert (await aio.webhooks.update(created.id, state="disabled")).state == "disabled"
    with pytest.raises(errors.BadRequestError, match="The webhook is disabled"):
        await aio.webhooks.ping(created.id)
    await aio.webhooks.update(created.id, update_mask="state", state="enabled")
    await aio.webhooks.ping(created.id)
    await aio.webhooks.ping(created.id, body={})
    rotated = await aio.webhooks.rotate_signing_secret(created.id)
    assert rotated.secret.startswith("whsec_")
    assert [w.id for w in (await aio.webhooks.list()).webhooks] == [created.id]
    await aio.webhooks.delete(created.id)
    assert (await aio.webhooks.list()).webhooks is None
