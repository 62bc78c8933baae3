"""The words of `status.state`."""

from documents.table import code, table
from gemini_operator.api.states import State


def states() -> str:
    """One row for each."""
    return table(("state", "meaning"), ([code(s.value), s.meaning] for s in State))
