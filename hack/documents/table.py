"""Markdown tables."""

from collections.abc import Iterable, Sequence

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> str:
    """One line a row; a bar or a line break in a cell is kept from ending it."""
    rule = ["---"] * len(head)
    return "\n".join(_line(row) for row in (head, rule, *rows))


def code(text: str) -> str:
    """Inline code, or nothing for nothing."""
    return f"`{text}`" if text else ""


def _line(row: Row) -> str:
    cells = (" ".join(cell.split()).replace("|", "\\|") for cell in row)
    return f"| {' | '.join(cells)} |"
