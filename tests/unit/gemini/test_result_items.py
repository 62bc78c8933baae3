import json
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemini_operator.base.nesting import Undecodable
from gemini_operator.gemini import documents
from gemini_operator.gemini.kinds import batch_resource
from gemini_operator.gemini.result_items import ResultItems

MIB = 2**20
NAME = "batches/abc"
NAMES = st.sampled_from(
    ["inlinedResponses", "output", "response", "metadata", 'a"b', "\\", "ä", "]}", '\\"[{']
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
INDENTS = st.sampled_from([None, 0, 2, "\t", " \r\n "])


def read(pieces: Iterable[bytes], **limits: int) -> tuple[list[bytes], bytes]:
    stream = ResultItems(**limits)
    items = [item for piece in pieces for item in stream.feed(piece)]
    return items, stream.finish()


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def batch(items: list[Any], member: str = "inlinedResponses", **more: Any) -> dict[str, Any]:
    output = {"x": {"inlinedResponses": [1]}, member: {"inlinedResponses": items}}
    return {
        "name": NAME,
        "metadata": {
            "state": "BATCH_STATE_SUCCEEDED",
            "batchStats": {"requestCount": "2"},
            "output": output,
            **more,
        },
        "done": True,
        "response": output,
        "inlinedResponses": {"inlinedResponses": [2]},
    }


def reversed_members(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: reversed_members(value[name]) for name in reversed(value)}


def text_of(document: object, indent: Any = None, *, ascii_only: bool = True) -> bytes:
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()


def same(left: object, right: object) -> bool:
    """NaN is not equal to itself."""
    return json.dumps(left) == json.dumps(right)


@given(
    items=st.lists(VALUES, max_size=4),
    more=VALUES,
    member=st.sampled_from(["inlinedResponses", "inlinedEmbedContentResponses"]),
    form=st.tuples(INDENTS, st.booleans(), st.booleans()),
)
@settings(max_examples=150, deadline=None)
def test_results_are_cut_out_wherever_pieces_end(
    items: list[Any], more: object, member: str, form: tuple[Any, bool, bool]
) -> None:
    indent, ascii_only, backwards = form
    document = batch(items, member, more=more)
    if backwards:
        document = reversed_members(document)
    data = text_of(document, indent, ascii_only=ascii_only)
    found, skeleton = read([data])
    assert same([json.loads(item) for item in found], items)
    document["metadata"]["output"][member]["inlinedResponses"] = []
    document["response"][member]["inlinedResponses"] = []
    assert same(json.loads(skeleton), document)
    assert read(cut(data, 1)) == (found, skeleton)
    for at in range(0, len(data), max(1, len(data) // 30)):
        assert read([data[:at], data[at:]]) == (found, skeleton)


def test_the_rest_is_read_as_any_batch() -> None:
    items, skeleton = read([text_of(batch([{"response": {}}, {"error": {"code": 3}}]))])
    assert [json.loads(item) for item in items] == [{"response": {}}, {"error": {"code": 3}}]
    seen = batch_resource.observation(documents.parse(skeleton), NAME)
    assert (seen.summary.state, seen.summary.requests.total) == ("BATCH_STATE_SUCCEEDED", 2)
    assert seen.inline_results == []


def test_items_keep_their_bytes() -> None:
    item = '{ "key" : "\\u0061\\"]}" ,\n "n":1.50, "nan": NaN, "deep": ' + "[" * 40 + "]" * 40 + "}"
    data = (
        b'{"response":{"inlinedResponses":{"inlined\\u0052esponses": [ %b ,\n1 ,"a]", null ] } } }'
    )
    assert read([data % item.encode()])[0] == [item.encode(), b"1", b'"a]"', b"null"]


@pytest.mark.parametrize(
    "document",
    [
        {"name": NAME, "metadata": {"output": {"responsesFile": "files/a"}}},
        {"metadata": {"output": {"inlinedResponses": {"inlinedResponses": {"a": [1]}}}}},
        {"metadata": {"output": [{"inlinedResponses": {"inlinedResponses": [1]}}]}},
        {"metadata": {"inlinedResponses": {"inlinedResponses": [1]}}},
        {},
    ],
)
def test_a_batch_without_inline_results_stays_as_it_is(document: dict[str, Any]) -> None:
    data = text_of(document, 1)
    assert read([data + b"\n"]) == ([], data)


def test_an_empty_list_does_not_hide_the_results() -> None:
    document = batch([1])
    document["metadata"] = {"output": {"inlinedResponses": {"inlinedResponses": []}}}
    assert read([text_of(document)])[0] == [b"1"]


LIST = b'{"response": {"inlinedResponses": {"inlinedResponses": '


@pytest.mark.parametrize("size", [1, 10_000_000])
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "cut off"),
        (b"{", "cut off"),
        (b'{"a": "b', "cut off"),
        (LIST + b"[", "cut off"),
        (LIST + b'[{"a": 1}', "cut off"),
        (LIST + b'[{"a": "\\', "cut off"),
        (LIST + b"[nul", "cut off"),
        (LIST + b"[]", "cut off"),
        (b"[]", "not a JSON object"),
        (b"7 ", "not a JSON object"),
        (b"{} {}", "not a JSON object"),
        (b"{}}", "not a JSON object"),
        (b'{"a":\x0b1}', "not JSON"),
        (LIST + b"[1 2]}}}", "not JSON"),
        (LIST + b"[1,]}}}", "not JSON"),
        (LIST + b"[,1]}}}", "not JSON"),
        (LIST + b"[1,,1]}}}", "not JSON"),
        (LIST + b"[}]}}}", "not JSON"),
        (LIST + b"[:]}}}", "not JSON"),
        (b'{"a":' * 65, "not JSON of at most 64 levels"),
        (LIST + b"[" + b"[" * 501, "not JSON of at most 500 levels"),
    ],
)
def test_what_is_no_whole_batch_is_refused(data: bytes, says: str, size: int) -> None:
    with pytest.raises(Undecodable, match=says):
        read(cut(data, size))


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("item", [b'"%s"', b'{"a": "%s"}', b'{"a":"%s'])
def test_a_result_that_is_too_large_is_refused(item: bytes, size: int) -> None:
    data = LIST + b"[" + item % (b"x" * 99)
    with pytest.raises(Undecodable, match="a result has more than 64 bytes"):
        read(cut(data, size), item_limit=64)


def test_a_batch_that_is_large_without_its_results_is_refused() -> None:
    with pytest.raises(Undecodable, match="more than 1048576 bytes without its results"):
        read([b'{"a": "', *[b"x" * MIB] * 3])


def test_results_take_the_memory_of_one_piece() -> None:
    item = text_of({"response": {"text": "x" * 2000}})
    piece = (item + b",") * 500
    stream = ResultItems()
    stream.feed(LIST + b"[")
    tracemalloc.start()
    count = 0
    for _ in range(50):
        count += len(stream.feed(piece))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 25_000
    assert peak < 8 * MIB
