"""Reasons of conditions and Events, in two tables: what happens now, and what is kept for later."""

from documents.table import code, table
from documents.usage import used
from gemini_operator.api.reasons import Reason

HEAD = ("reason", "message")


def reasons(*, later: bool) -> str:
    """One row for each reason that the controller gives, or does not give yet."""
    return table(HEAD, ([code(r.value), r.message] for r in Reason if is_used(r) is not later))


def is_used(reason: Reason) -> bool:
    """Whether the controller ever gives it."""
    return "controller" in used(rf"\bReason\.{reason.name}\b")
