import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.payload.matching import Matched, Request, as_sent, match
from gemini_operator.payload.results import BatchResult, ResultKind, kind_of, of_items

ABC = [Request("a"), Request("b"), Request("c")]
FORMS = st.sampled_from(
    [
        {"response": {"candidates": []}},
        {"response": {"text": "\u2028\ud800"}},
        {"error": {"code": 3}},
        {"status": {"code": 13}},
        {"error": {"code": 3}, "response": {}},
        {"embedding": {"values": [1.5]}},
        {"response": None},
        {},
        {"response": {"score": float("nan")}},
        {"response": {"promptFeedback": {"blockReason": "OTHER"}}},
    ]
)
KEYS = st.sampled_from(["a", "b", "c", "foreign", 7, None])

JSON = dict[str, Any]


def item(key: object, **content: Any) -> JSON:
    return ({} if key is None else {"metadata": {"key": key}}) | (
        content or {"response": {"t": key}}
    )


def rows(matched: Matched) -> list[Any]:
    return [json.loads(line) for line in matched.lines]


def keys(matched: Matched) -> list[Any]:
    return [row.get("key") for row in rows(matched)]


# Order


@pytest.mark.parametrize("order", ["abc", "cab", "bca", "cba"])
def test_lines_come_in_the_order_of_the_input(order: str) -> None:
    matched = match(ABC, of_items(map(item, order)))
    assert rows(matched) == [{"key": key, "response": {"t": key}} for key in "abc"]
    assert (matched.total, matched.succeeded, matched.extra) == (3, 3, 0)


def test_without_any_key_the_position_decides() -> None:
    matched = match(ABC, of_items(item(None, response={"t": n}) for n in range(3)))
    assert rows(matched) == [{"key": key, "response": {"t": n}} for n, key in enumerate("abc")]
    assert matched.extra == 0


def test_a_result_without_a_key_among_others_has_its_position() -> None:
    matched = match(ABC, of_items([item("a"), item(None, response={"t": 1}), item("c")]))
    assert rows(matched)[1] == {"key": "b", "response": {"t": 1}}
    assert matched.extra == 0


@pytest.mark.parametrize(
    "sent",
    [[None, None], ["a", None], [None] * 4, ["b", None, None], ["a", "b", "c", None]],
    ids=["fewer", "a key and fewer", "more", "the place of another", "a nameless one more"],
)
def test_results_whose_request_nobody_can_tell_are_delivered_in_googles_order(
    sent: list[object],
) -> None:
    items = [item(key, response={"n": n}) for n, key in enumerate(sent)]
    matched = match(ABC, of_items(items))
    assert not matched.in_order
    assert [row["response"]["n"] for row in rows(matched)] == list(range(len(sent)))
    assert matched.counts[ResultKind.SUCCEEDED] == len(sent)
    assert matched.total == max(3, len(sent))


def test_a_line_that_is_not_json_does_not_cost_the_others_their_order() -> None:
    results = [BatchResult(problem="it is cut"), *of_items([item("c")])]
    matched = match(ABC, results)
    assert (keys(matched), matched.in_order) == (["a", "b", "c"], True)
    assert matched.extra == 1


def test_a_key_that_google_sends_as_a_number_is_the_same_key() -> None:
    matched = match([Request("1"), Request("2")], of_items([item(2), item(1)]))
    assert (keys(matched), matched.extra) == (["1", "2"], 0)


# Completeness


def test_a_missing_result_is_a_failed_request_and_its_line_says_so() -> None:
    matched = match(ABC, of_items([item("a")]))
    assert matched.counts == {ResultKind.SUCCEEDED: 1, ResultKind.MISSING: 2}
    for row in rows(matched)[1:]:
        assert row["error"]["message"] == "Google returned no result for this request."
        assert row["error"]["details"][0]["reason"] == "RESULT_MISSING"


def test_no_results_at_all_are_a_line_for_each_request_all_the_same() -> None:
    matched = match(ABC, [])
    assert keys(matched) == ["a", "b", "c"]
    assert matched.counts == {ResultKind.MISSING: 3}


@pytest.mark.parametrize("order", ["abcz", "abcc", "zcba", "aabc"])
def test_duplicate_and_foreign_results_are_counted_and_do_not_replace_any(order: str) -> None:
    items = [item(key, response={"n": n}) for n, key in enumerate(order)]
    matched = match(ABC, of_items(items))
    assert keys(matched) == ["a", "b", "c"]
    assert matched.extra == 1
    assert rows(matched)[0]["response"] == {"n": order.index("a")}


# Identity


def test_metadata_that_the_user_gave_is_delivered_back() -> None:
    requests = [Request("a", {"product_id": "p", "tags": ["x"]})]
    [row] = rows(match(requests, of_items([item("a", response={})])))
    assert row == {"key": "a", "metadata": {"product_id": "p", "tags": ["x"]}, "response": {}}


@pytest.mark.parametrize(
    ("given", "sent", "delivered"),
    [
        ({"p": 1}, {"p": 1, "key": "a"}, {"p": 1}),
        ({"p": 2}, {"p": 1, "key": "a"}, {"p": 1}),
        ({"p": 1, "key": "a"}, {"p": 1, "key": "a"}, {"p": 1, "key": "a"}),
        ({"p": 1}, None, {"p": 1}),
        (None, {"key": "a"}, None),
    ],
    ids=["ours", "the input has changed since", "with its own key", "not sent back", "none"],
)
def test_metadata_is_what_google_sends_back(given: Any, sent: Any, delivered: Any) -> None:
    result = {"key": "a", "response": {}} | ({} if sent is None else {"metadata": sent})
    [row] = rows(match([Request("a", given)], of_items([result])))
    assert row.get("metadata") == delivered


def test_where_the_input_is_not_known_key_and_metadata_are_as_google_sent_them() -> None:
    items: list[JSON] = [
        {"metadata": {"product_id": "p"}, "response": {}},
        {"key": 7, "metadata": {"key": "m"}, "response": {}},
        {"response": {}},
    ]
    matched = as_sent(of_items(items))
    assert rows(matched) == items
    assert matched.counts == {ResultKind.SUCCEEDED: 3}


def test_where_the_input_is_not_known_what_is_missing_is_counted() -> None:
    matched = as_sent(of_items([item("a")]), expected=3)
    assert matched.counts == {ResultKind.SUCCEEDED: 1, ResultKind.MISSING: 2}
    assert len(matched.lines) == 1


@pytest.mark.parametrize(("unique", "counts", "repeated"), [(True, (2, 1), 2), (False, (4, 0), 0)])
def test_a_result_that_is_there_twice_is_no_other_requests(
    unique: bool, counts: tuple[int, int], repeated: int
) -> None:
    found = of_items([item("a"), item("a"), item("7"), {"key": 7, "response": {}}])
    matched = as_sent(found, expected=3, unique_keys=unique)
    assert len(matched.lines) == 4
    sent = matched.counts[ResultKind.SUCCEEDED], matched.counts[ResultKind.MISSING]
    assert (sent, matched.repeated) == (counts, repeated)


# Whatever comes


@given(st.lists(st.tuples(KEYS, FORMS), max_size=5))
def test_any_results_in_any_order_give_the_keys_of_the_input_and_counts_that_add_up(
    sent: list[tuple[object, dict[str, Any]]],
) -> None:
    results = of_items([{**item(key, x=0), **form} for key, form in sent])
    matched = match(ABC, results)
    if not matched.in_order:
        assert any(result.key is None for result in results)
        assert len(rows(matched)) == len(results)
        return
    assert keys(matched) == ["a", "b", "c"]
    assert matched.total == 3
    text = "".join(matched.lines)
    assert [json.loads(line) for line in text.splitlines()] == rows(matched)
    known = [result for result in results if str(result.key) in "abc" and result.key is not None]
    assert matched.succeeded <= sum(kind_of(result) is ResultKind.SUCCEEDED for result in results)
    assert matched.extra >= len(known) - 3
    failed = [row for row in rows(matched) if "error" in row or "status" in row]
    bad = (ResultKind.FAILED, ResultKind.EMPTY, ResultKind.MISSING, ResultKind.UNREADABLE)
    assert len(failed) == sum(matched.counts[kind] for kind in bad)


@given(st.lists(st.tuples(KEYS, FORMS), max_size=5))
def test_where_the_input_is_not_known_every_result_is_a_line(
    sent: list[tuple[object, dict[str, Any]]],
) -> None:
    results = of_items([{**item(key, x=0), **form} for key, form in sent])
    matched = as_sent(results)
    assert len(rows(matched)) == len(results) == matched.total
    by_key = as_sent(results, unique_keys=True)
    assert by_key.lines == matched.lines
    assert by_key.total + by_key.repeated == matched.total
