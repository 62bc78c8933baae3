import pytest
from prometheus_client import generate_latest

import documents
from documents import code, table
from gemini_operator.api.condition_types import ConditionType
from gemini_operator.api.reasons import Reason
from gemini_operator.base import metrics

PAGE = "before\n<!-- generated: access receiver -->\nold\n<!-- end -->\nafter\n"


def test_a_table_takes_the_place_of_the_old_one_and_nothing_else() -> None:
    new = documents.renewed(PAGE)
    assert new.startswith("before\n<!-- generated: access receiver -->\n\n| API group |")
    assert new.endswith("|\n\n<!-- end -->\nafter\n")
    assert "old" not in new
    assert documents.renewed(new) == new


def test_a_table_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        documents.renewed(PAGE.replace("access receiver", "nothing"))


def test_a_page_without_tables_stays() -> None:
    assert documents.renewed("only words\n") == "only words\n"


def test_a_cell_cannot_end_its_row() -> None:
    assert table(("a", "b"), [("x | y", "one\ntwo")]).splitlines()[-1] == "| x \\| y | one two |"


def test_nothing_is_no_code() -> None:
    assert (code(""), code("x")) == ("", "`x`")


def test_names_are_those_that_prometheus_sees() -> None:
    registries = (metrics.REGISTRY, metrics.CONTROLLER, metrics.RECEIVER)
    exposition = b"".join(map(generate_latest, registries)).decode()
    names = [documents.exposed(metric) for _, metric in documents.every_metric()]
    assert names
    assert all(f"# HELP {name} " in exposition for name in names)


def test_a_metric_that_nothing_sets_is_not_said_to_be_set() -> None:
    assert documents.set_by("RECONCILES") == "controller"
    assert documents.set_by("RECEIVER_REQUESTS") == "receiver"
    assert documents.set_by("CALLBACK_KEYS") == "both"
    assert documents.set_by("GEMINI_REQUESTS") == "controller"
    assert documents.set_by("BUILD_INFO") == "both"
    assert documents.set_by("NEVER_HEARD_OF") == "not yet"


def test_a_process_exposes_what_it_sets() -> None:
    """Otherwise an alert on a metric would fire for the process that never sets it."""
    registries = {
        "controller": metrics.CONTROLLER,
        "receiver": metrics.RECEIVER,
        "both": metrics.REGISTRY,
    }
    for name, metric in documents.every_metric():
        assert metric in registries[documents.set_by(name)]._collector_to_names, name


def test_a_reason_stands_beside_each_of_its_conditions() -> None:
    rows = {row.split("|")[1].strip(): row for row in documents.conditions().splitlines()}
    for reason in Reason:
        kinds = [f"`{kind}`" for kind in reason.conditions] or ["none, an Event only"]
        beside = [name for name, row in rows.items() if f"`{reason}`" in row.split("|")[3]]
        assert sorted(beside) == sorted(kinds)
    assert {f"`{kind}`" for kind in ConditionType} < set(rows)
