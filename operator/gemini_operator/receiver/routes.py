"""Which addresses the receiver serves, and what it accepts on each."""

from collections.abc import Sequence
from dataclasses import dataclass

from gemini_operator.api.group import PLURAL
from gemini_operator.receiver.signatures import table
from gemini_operator.receiver.signatures.table import Scheme


@dataclass(frozen=True, slots=True)
class Route:
    """A kind of job: the schemes its deliveries may be signed with, the family of its events."""

    schemes: Sequence[Scheme]
    family: str
    """The first word of the types of event that concern it; others are acknowledged unrecorded."""


ROUTES = {PLURAL: Route(table.DYNAMIC, "batch")}
"""By the plural in the address."""
