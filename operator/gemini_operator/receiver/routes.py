"""The kinds of job that the receiver serves, and what it accepts for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gemini_operator.api.group import PLURAL
from gemini_operator.receiver.signatures import table
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from gemini_operator.receiver.signatures.table import Scheme


@dataclass(frozen=True, slots=True)
class CallbackRoute:
    """What is accepted for one kind of job."""

    schemes: Sequence[Scheme]
    """The kinds of signature that its deliveries may have."""
    family: str
    """The first word of its event types. Other events are acknowledged but not recorded."""


def callback_routes(tokens: TokenPolicy | None) -> Mapping[str, CallbackRoute]:
    """Return the routes of dynamic webhooks by the plural in the address.

    Args:
        tokens: what RS256 tokens have to fulfil; None if none are accepted.
    """
    return {PLURAL: CallbackRoute(table.dynamic(tokens), "batch")}
