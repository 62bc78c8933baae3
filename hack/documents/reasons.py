"""Reasons of conditions and Events."""

from documents.table import code, table
from gemini_operator.api.reasons import Reason


def reasons() -> str:
    """One row for each."""
    return table(("reason", "message"), ([code(r.value), r.message] for r in Reason))
