"""Reading the project's Markdown: code, prose, links' anchors, tables."""

import re
from collections.abc import Iterator
from pathlib import Path


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fences(text: str, language: str = r"\w*") -> list[str]:
    """The contents of fenced blocks in that language, without the indent of a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def prose(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)


def inline_code(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(text))


def commands(text: str) -> Iterator[str]:
    """Each line of a shell block, and each piece of inline code, without a comment."""
    for block in fences(text, "sh"):
        yield from (re.sub(r"(^|\s)#.*", "", line).strip() for line in block.splitlines())
    yield from inline_code(text)


def slugs(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    heads = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its head and rule left out."""
    section = text.split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    assert table, f"no table below {heading}"
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
