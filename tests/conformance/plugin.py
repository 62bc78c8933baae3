"""pytest plugin of `make conformance`: runs the tests of the catalogue, and prints a row for each.

PYTHONPATH=. pytest -p tests.conformance.plugin tests/unit tests/integration
"""

import re
from collections import defaultdict
from enum import StrEnum

import pytest

from tests.conformance.catalogue import ROWS, RULES

PROPERTY = "conformance"
HEAD = ("row", "case", "tests", "result")
_RULE = re.compile(r"test_(s\d+)_")


class Result(StrEnum):
    PASSED = "passed"
    FAILED = "FAILED"
    MISSING = "MISSING"


def labels(item: pytest.Item) -> list[str]:
    """The rows and rules of the catalogue that a test is about."""
    rows = [str(number) for mark in item.iter_markers("row") for number in mark.args]
    rule = _RULE.match(item.name)
    named = [rule[1].upper()] if rule else []
    return rows + [label for label in named if label in {known.label for known in RULES}]


class Conformance:
    """Collects the outcome of every test by row."""

    def __init__(self) -> None:
        self._passed: dict[str, dict[str, bool]] = defaultdict(dict)
        """By label and test; a test counts as failed once any part of it has failed."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        others = [item for item in items if not labels(item)]
        items[:] = [item for item in items if labels(item)]
        config.hook.pytest_deselected(items=others)
        for item in items:
            # It travels with the report, from whichever process runs the test.
            item.user_properties.append((PROPERTY, labels(item)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed and report.when != "call":
            return
        for name, value in report.user_properties:
            for label in value if name == PROPERTY and isinstance(value, list) else ():
                before = self._passed[label].get(report.nodeid, True)
                self._passed[label][report.nodeid] = before and report.passed

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        results = {self._result(known.label) for known in (*ROWS, *RULES)}
        in_worker = hasattr(session.config, "workerinput")
        if results != {Result.PASSED} and not in_worker and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("conformance")
        lines = [HEAD, *(self._line(known.label, known.case) for known in (*ROWS, *RULES))]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            terminalreporter.write_line(" | ".join(cells).rstrip())

    def _line(self, label: str, case: str) -> tuple[str, str, str, str]:
        tests = sorted({node.split("::")[-1].partition("[")[0] for node in self._passed[label]})
        first = tests[0] if tests else ""
        return label, case, f"{len(self._passed[label])}: {first}", self._result(label)

    def _result(self, label: str) -> Result:
        outcomes = self._passed[label].values()
        if not outcomes:
            return Result.MISSING
        return Result.PASSED if all(outcomes) else Result.FAILED


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Conformance())
