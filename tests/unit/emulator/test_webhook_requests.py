from typing import Any

import pytest

from gemini_emulator.errors import ApiError
from gemini_emulator.webhook_requests import parse_rotation, parse_update, parse_webhook

WEBHOOK = {"name": "n", "uri": "https://h/x", "subscribed_events": ["batch.succeeded"]}


def refusal(parse: Any, *arguments: Any) -> str:
    with pytest.raises(ApiError) as caught:
        parse(*arguments)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    return caught.value.message


def test_a_webhook_needs_an_address_and_events() -> None:
    assert parse_webhook(WEBHOOK) == WEBHOOK
    nameless = {"uri": "http://127.0.0.1:80", "subscribedEvents": ["batch.cancelled", "new.event"]}
    assert parse_webhook(nameless) == {
        "name": "",
        "uri": "http://127.0.0.1:80",
        "subscribed_events": ["batch.cancelled", "new.event"],
    }


def test_members_that_only_google_sets_are_ignored() -> None:
    more = {"id": "x", "state": "disabled", "create_time": "y", "new_signing_secret": "whsec_z"}
    assert parse_webhook(WEBHOOK | more) == WEBHOOK


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"uri": None}, "webhook.uri"),
        ({"uri": ""}, "webhook.uri"),
        ({"uri": 7}, "webhook.uri"),
        ({"uri": "h/x"}, "webhook.uri"),
        ({"uri": "ftp://h/x"}, "webhook.uri"),
        ({"uri": "https://"}, "webhook.uri"),
        ({"uri": "https://h:99999"}, "webhook.uri"),
        ({"uri": "https://[::1"}, "webhook.uri"),
        ({"subscribed_events": None}, "webhook.subscribed_events"),
        ({"subscribed_events": []}, "webhook.subscribed_events"),
        ({"subscribed_events": [""]}, "webhook.subscribed_events"),
        ({"subscribed_events": "batch.failed"}, "webhook.subscribed_events"),
        ({"subscribed_events": [1]}, "webhook.subscribed_events"),
        ({"name": ["n"]}, "webhook.name"),
        ({"url": "https://h"}, 'Unknown name "url"'),
    ],
)
def test_a_refusal_names_the_member(change: dict[str, Any], named: str) -> None:
    assert named in refusal(parse_webhook, WEBHOOK | change)


@pytest.mark.parametrize("body", [[], "x", None, 1])
def test_a_webhook_is_an_object(body: Any) -> None:
    assert "an object is expected" in refusal(parse_webhook, body)


def test_without_a_mask_the_members_of_the_body_change() -> None:
    assert parse_update({"state": "disabled", "name": None, "id": "x"}, None) == {
        "state": "disabled"
    }
    assert parse_update({}, "") == {}


def test_with_a_mask_only_its_members_change() -> None:
    body = WEBHOOK | {"state": "disabled"}
    assert parse_update(body, "state, uri") == {"state": "disabled", "uri": "https://h/x"}
    assert parse_update(body, "subscribedEvents") == {"subscribed_events": ["batch.succeeded"]}
    assert parse_update(body, "*") == body
    assert parse_update({}, "name") == {"name": ""}


@pytest.mark.parametrize(
    ("body", "mask", "named"),
    [
        ({}, "uri", "webhook.uri"),
        ({}, "state", "webhook.state"),
        ({"state": "ENABLED"}, None, "webhook.state"),
        ({"state": ""}, None, "webhook.state"),
        ({"subscribed_events": []}, None, "webhook.subscribed_events"),
        ({}, "url", "'url' cannot be updated"),
        ({}, "create_time", "'create_time' cannot be updated"),
        ({"state": "enabled"}, "state,", "'' cannot be updated"),
        (WEBHOOK, "*", "webhook.state"),
    ],
)
def test_a_change_that_is_refused(body: dict[str, Any], mask: str | None, named: str) -> None:
    assert named in refusal(parse_update, body, mask)


@pytest.mark.parametrize(
    ("body", "revokes"),
    [
        ({}, False),
        ({"revocation_behavior": "revoke_previous_secrets_after_h24"}, False),
        ({"revocation_behavior": "revoke_previous_secrets_immediately"}, True),
        ({"revocationBehavior": "revoke_previous_secrets_immediately"}, True),
    ],
)
def test_a_rotation_revokes_the_older_secrets_at_once_only_when_asked(
    body: dict[str, Any], revokes: bool
) -> None:
    assert parse_rotation(body) is revokes


@pytest.mark.parametrize(
    "body", [{"revocation_behavior": "REVOKE_PREVIOUS_SECRETS_AFTER_H24"}, {"revoke": True}, []]
)
def test_another_rotation_is_refused(body: Any) -> None:
    refusal(parse_rotation, body)
