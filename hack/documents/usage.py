"""Which part of the program uses a name: what a page says exists, some process must do."""

import re
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "operator" / "gemini_operator"


@cache
def used(pattern: str) -> frozenset[str]:
    """The subpackages with a line that the regular expression matches."""
    compiled = re.compile(pattern)
    return frozenset(
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.glob("*/**/*.py")
        if compiled.search(path.read_text(encoding="utf-8"))
    )
