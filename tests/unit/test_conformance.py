"""Every row of the catalogue has a test; `make conformance` runs them."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.catalogue import ROWS, RULES
from tests.markdown import rows, text_of

PROJECT = Path(__file__).parents[2]
PLACES = ("tests/unit", "tests/integration")
NUMBERS = [row.number for row in ROWS]


def sources() -> Iterator[str]:
    for place in PLACES:
        for path in (PROJECT / place).rglob("test_*.py"):
            yield text_of(path)


def marked(source: str) -> Iterator[int]:
    """The numbers of all `pytest.mark.row(…)` in a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row":
            yield from (ast.literal_eval(argument) for argument in node.args)


@pytest.fixture(scope="module")
def tested() -> set[int]:
    return {number for source in sources() for number in marked(source)}


def test_every_row_has_a_test(tested: set[int]) -> None:
    assert sorted(set(NUMBERS) - tested) == []


def test_every_mark_names_a_row(tested: set[int]) -> None:
    assert sorted(tested - set(NUMBERS)) == []


def test_every_rule_has_a_test() -> None:
    named = {f"S{number}" for text in sources() for number in re.findall(r"def test_s(\d+)_", text)}
    assert {rule.label for rule in RULES} - named == set()


def test_numbers_rise() -> None:
    assert sorted(set(NUMBERS)) == NUMBERS


def test_differences_are_about_rows_of_the_catalogue() -> None:
    found = rows(text_of(PROJECT / "docs" / "conformance.md"), "## Where the receiver differs")
    cases = {str(row.number): row.expected for row in ROWS}
    for number, expected, *_ in found:
        assert expected == cases[number]


def test_the_table_shows_what_passed_and_fails_for_what_is_missing() -> None:
    plugin = ("-p", "tests.conformance.plugin", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "tests/unit/receiver/test_budget.py"],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = {line.split()[0]: line.split()[-1] for line in done.stdout.splitlines() if "|" in line}
    assert lines["S14"] == "passed"
    assert lines["23"] == "MISSING"
    assert lines.keys() == {"row", *(known.label for known in (*ROWS, *RULES))}
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
