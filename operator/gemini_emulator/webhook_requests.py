"""The requests that create, change and rotate registered webhooks, parsed and validated."""

from collections.abc import Callable
from typing import Any, get_args

from yarl import URL

from gemini_emulator.errors import invalid_argument
from gemini_emulator.proto_json import (
    checked_object,
    member,
    snake,
    string_list_member,
    string_member,
)
from gemini_emulator.webhooks import WebhookState

Fields = dict[str, Any]
"""The members of a webhook that a client sets, by their name in `Webhook`."""

_OUTPUT_ONLY = ("id", "createTime", "updateTime", "newSigningSecret", "signingSecrets")
_AFTER_24_HOURS = "revoke_previous_secrets_after_h24"
_IMMEDIATELY = "revoke_previous_secrets_immediately"


def parse_webhook(body: Any) -> Fields:
    """Parse a webhook to create. Members that only Google sets, `state` among them, are ignored.

    Raises:
        ApiError: 400, a member is missing, unknown or invalid.
    """
    given = _webhook(body)
    return {name: read(given) for name, read in _READERS.items() if name != "state"}


def parse_update(body: Any, mask: str | None) -> Fields:
    """Parse a change: of the members in the mask, or without one of those in the body.

    A mask is a list like `state,subscribed_events`; `*` means every member. A name that is in the
    mask but not in the body is removed (https://google.aip.dev/134).

    Raises:
        ApiError: 400, a member is missing, unknown or invalid.
    """
    given = _webhook(body)
    names = _masked(mask) if mask else [n for n in _READERS if given.get(n) is not None]
    return {name: _READERS[name](given) for name in names}


def parse_rotation(body: Any) -> bool:
    """Return whether a rotation revokes the older secrets at once.

    Google does not document what happens without `revocation_behavior`; here they stay for a day,
    so that a receiver does not break.

    Raises:
        ApiError: 400, the member is unknown or has another value.
    """
    given = checked_object(body, ("revocationBehavior",), "body")
    behavior = string_member(given, "revocationBehavior", "body") or _AFTER_24_HOURS
    if behavior not in (_AFTER_24_HOURS, _IMMEDIATELY):
        raise _invalid("revocation_behavior", f"{_AFTER_24_HOURS} or {_IMMEDIATELY} is expected")
    return behavior == _IMMEDIATELY


def _webhook(body: Any) -> Fields:
    """Return the body with its settable members in snake_case."""
    names = ("name", "uri", "subscribedEvents", "state")
    given = checked_object(body, (*names, *_OUTPUT_ONLY), "webhook")
    return {snake(name): member(given, name) for name in names}


def _masked(mask: str) -> list[str]:
    if mask.strip() == "*":
        return list(_READERS)
    names = [snake(name.strip()) for name in mask.split(",")]
    for name in names:
        if name not in _READERS:
            raise invalid_argument(
                f"Invalid value at 'update_mask': '{name}' cannot be updated; "
                f"these can: {', '.join(_READERS)}."
            )
    return names


def _name(given: Fields) -> str:
    return string_member(given, "name", "webhook")


def _uri(given: Fields) -> str:
    text = string_member(given, "uri", "webhook")
    try:
        url = URL(text)
        is_address = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except ValueError:
        is_address = False
    if not is_address:
        raise _invalid("webhook.uri", "an http or https address is expected")
    return text


def _subscribed_events(given: Fields) -> list[str]:
    """Return the event types. The SDK sends any string, so types that are not listed are valid."""
    found = string_list_member(given, "subscribed_events", "webhook")
    if not found or not all(found):
        raise _invalid("webhook.subscribed_events", "a list of event types is expected")
    return found


def _state(given: Fields) -> str:
    text = string_member(given, "state", "webhook")
    if text not in get_args(WebhookState):
        raise _invalid("webhook.state", f"one of {', '.join(get_args(WebhookState))} is expected")
    return text


_READERS: dict[str, Callable[[Fields], Any]] = {
    "name": _name,
    "uri": _uri,
    "subscribed_events": _subscribed_events,
    "state": _state,
}


def _invalid(where: str, why: str) -> Exception:
    return invalid_argument(f"Invalid value at '{where}': {why}.")
