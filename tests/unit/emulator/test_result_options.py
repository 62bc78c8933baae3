from pathlib import Path
from typing import Any

import pytest

from gemini_emulator.errors import ApiError
from gemini_emulator.result_options import (
    DefaultOptions,
    ResultOptions,
    RowRule,
    parse_result_options,
)


def test_without_options_results_are_as_they_are() -> None:
    assert parse_result_options({}) == ResultOptions()


def test_all_options_are_read() -> None:
    assert parse_result_options(
        {
            "order": "shuffled",
            "keys": False,
            "rows": [{"form": "blocked", "every": 2}, {"form": "nan", "key": "a"}],
            "late": {"seconds": 1.5, "reads": 2},
            "download": {"status": 503, "count": 3},
            "stats": {"requestCount": 9},
        }
    ) == ResultOptions(
        order="shuffled",
        keys=False,
        rows=(RowRule("blocked", every=2), RowRule("nan", key="a")),
        late_seconds=1.5,
        late_reads=2,
        download_status=503,
        failing_downloads=3,
        stats={"requestCount": 9},
    )


def test_a_download_fails_once_unless_a_count_is_given() -> None:
    options = parse_result_options({"download": {"status": 502}})
    assert (options.download_status, options.failing_downloads) == (502, 1)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "an object is expected"),
        ({"odrer": "reversed"}, '"odrer"'),
        ({"order": "random"}, "input, reversed, shuffled"),
        ({"keys": 0}, "results.keys must be true or false"),
        ({"rows": {}}, "results.rows must be a list"),
        ({"rows": [{"every": 2}]}, r"results.rows\[0\].form must be one of missing"),
        ({"rows": [{"form": "nan", "every": 0}]}, "every must be a whole number of at least 1"),
        ({"rows": [{"form": "nan", "every": True}]}, "every must be a whole number"),
        ({"rows": [{"form": "nan", "key": 1}]}, "key must be a string"),
        ({"rows": [{"form": "nan", "key": "a", "every": 2}]}, "both every and key"),
        ({"late": {"seconds": -1}}, "late.seconds must be a number of at least 0"),
        ({"late": {"reads": 0.5}}, "late.reads must be a whole number"),
        ({"late": 5}, "results.late"),
        ({"download": {"status": 700}}, "download.status must be a whole number from 200 to 599"),
        ({"stats": {"request_count": 1}}, "stats has the members requestCount"),
        ({"stats": {"requestCount": "1"}}, "stats.requestCount must be a whole number"),
    ],
)
def test_a_mistake_is_named(document: Any, problem: str) -> None:
    with pytest.raises(ApiError, match=problem) as caught:
        parse_result_options(document)
    assert caught.value.code == 400


def test_the_first_rule_that_applies_gives_the_form() -> None:
    options = ResultOptions(rows=(RowRule("missing", key="b"), RowRule("error", every=2)))
    assert [options.form(n, key) for n, key in enumerate("abcd", 1)] == [
        None,
        "missing",
        None,
        "error",
    ]


def test_the_default_options_survive_a_restart_until_they_are_cleared(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    DefaultOptions(path).set({"keys": False})
    again = DefaultOptions(path)
    assert again.document == {"keys": False}
    again.clear()
    again.clear()
    assert DefaultOptions(path).document == again.document == {}
