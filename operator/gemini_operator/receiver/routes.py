"""The kinds of job that the receiver serves, and what it accepts for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from gemini_operator.api.group import PLURAL
from gemini_operator.receiver.signatures import table
from gemini_operator.receiver.signatures.table import Scheme


@dataclass(frozen=True, slots=True)
class CallbackRoute:
    """What is accepted for one kind of job."""

    schemes: Sequence[Scheme]
    """The kinds of signature that its deliveries may have."""
    family: str
    """The first word of its event types. Other events are acknowledged but not recorded."""


ROUTES = {PLURAL: CallbackRoute(table.DYNAMIC, "batch")}
"""The routes by the plural in the address."""
