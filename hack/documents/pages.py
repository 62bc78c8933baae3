"""Puts the tables into the pages, between two comments that name them."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from documents.access import access
from documents.fields import fields
from documents.flags import flags
from documents.metrics import metrics
from documents.reasons import reasons
from documents.states import states
from gemini_operator.cli import COMMANDS

PROJECT = Path(__file__).parents[2]
PAGES = PROJECT / "docs"

TABLES: Mapping[str, Callable[[], str]] = {
    **{f"flags {name}": partial(flags, name) for name in COMMANDS},
    "fields spec": partial(fields, "spec"),
    "fields status": partial(fields, "status"),
    "reasons": reasons,
    "states": states,
    "metrics": metrics,
    "access controller": partial(access, "controller"),
    "access leader": partial(access, "controller", "Role"),
    "access receiver": partial(access, "receiver"),
}

_BLOCK = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[a-z ]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)


def renewed(text: str) -> str:
    """The page with its tables as they should be. Raise KeyError for one that nobody makes."""
    return _BLOCK.sub(lambda m: f"{m['begin']}\n{TABLES[m['name']]()}\n\n{m['end']}", text)


def names(text: str) -> list[str]:
    """The tables that a page holds."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def stale() -> dict[Path, str]:
    """The pages whose tables are old, each with its new text."""
    found = {}
    for page in sorted(PAGES.glob("**/*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := renewed(text)) != text:
            found[page] = new
    return found
