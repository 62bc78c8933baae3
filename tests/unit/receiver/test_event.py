from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.api.v1alpha1.status import LastEvent
from gemini_operator.receiver import event
from gemini_operator.receiver.signatures.verdict import SignedContent
from tests.deliveries import encoded, envelope

ATTEMPT = "00112233445566ff"
HEADER_TIME = datetime(2026, 11, 3, 9, 42, 0, tzinfo=UTC)


def signed(body: bytes, timestamp: int = int(HEADER_TIME.timestamp())) -> SignedContent:
    return SignedContent("msg_1", timestamp, body)


def written(body: bytes) -> dict[str, Any]:
    derived = event.derive(signed(body), ATTEMPT)
    return derived.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_the_event_is_what_was_signed() -> None:
    assert written(encoded(envelope())) == {
        "id": "msg_1",
        "type": "batch.succeeded",
        "attempt": ATTEMPT,
        "remoteName": "batches/reviews-0123456789",
        "time": "2026-11-03T09:41:27Z",
    }


def test_p19_a_redelivery_derives_the_same_event() -> None:
    """Only the header's timestamp differs between two attempts to deliver an event."""
    body = encoded(envelope())
    first = event.derive(signed(body, 1_764_000_000), ATTEMPT)
    assert event.derive(signed(body, 1_764_086_400), ATTEMPT) == first


@pytest.mark.row(81, 82)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"9" * 5_000,
        b"NaN",
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b'{"data": []}',
        b'{"data": {"id": 7}, "type": 7, "timestamp": 7}',
    ],
)
def test_p19_an_unparsable_event_records_id_and_header_time(body: bytes) -> None:
    assert written(body) == {"id": "msg_1", "attempt": ATTEMPT, "time": "2026-11-03T09:42:00Z"}


@pytest.mark.parametrize("given_id", ["batches/abc_-9", "abc_-9"])
def test_the_batch_is_named_with_and_without_its_collection(given_id: str) -> None:
    assert written(encoded(envelope(data={"id": given_id})))["remoteName"] == "batches/abc_-9"


@pytest.mark.parametrize(
    "given_id",
    ["", "batches/", "a/b", "batches/../x", "files/abc", "a b", "a\n", "x" * 129, "ä", None, ["a"]],
)
def test_s03_a_name_outside_the_grammar_is_left_out(given_id: Any) -> None:
    found = written(encoded(envelope(data={"id": given_id})))
    assert "remoteName" not in found
    assert found["type"] == "batch.succeeded"


@pytest.mark.parametrize(
    "given_type",
    ["", "a b", "\x1b[31mred", "batch\n", "x" * 33, ".", "batch.", "a.b.c.d", "ä", None, {}],
)
def test_s22_a_type_outside_the_grammar_is_left_out(given_type: Any) -> None:
    assert "type" not in written(encoded(envelope(type=given_type)))


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        ("2026-11-03T10:41:27+01:00", "2026-11-03T09:41:27Z"),
        ("2026-11-03T09:41:27.123456789Z", "2026-11-03T09:41:27Z"),
        ("2026-11-03T09:41:27", "2026-11-03T09:41:27Z"),
        ("9998-12-31T23:59:59Z", "9998-12-31T23:59:59Z"),
    ],
)
def test_the_time_is_the_events_own(given_time: str, expected: str) -> None:
    assert written(encoded(envelope(timestamp=given_time)))["time"] == expected


@pytest.mark.parametrize(
    "given_time",
    ["", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "1" * 5000, 17, {}],
)
def test_an_event_without_a_usable_time_takes_the_headers(given_time: Any) -> None:
    assert written(encoded(envelope(timestamp=given_time)))["time"] == "2026-11-03T09:42:00Z"


@pytest.mark.row(86, 87, 99)
def test_nothing_else_of_the_body_is_kept() -> None:
    """Texts and addresses in an event are a stranger's; the controller reads Google instead."""
    data = {"id": "b", "error_message": "\x1b[2J" * 9000, "output_file_uri": "http://169.254.1.1"}
    found = written(encoded(envelope(data=data, user_metadata={"namespace": "kube-system"})))
    assert found.keys() == {"id", "type", "attempt", "remoteName", "time"}


@pytest.mark.row(84)
@pytest.mark.parametrize(
    ("kind", "concerned"),
    [
        ("batch.succeeded", True),
        ("batch.some_future_word", True),
        ("batch", True),
        (None, True),
        ("interaction.completed", False),
        ("video.generated", False),
        ("webhooks.ping", False),
        ("batches.succeeded", False),
    ],
)
def test_events_of_other_families_do_not_concern_a_batch(kind: str | None, concerned: bool) -> None:
    found = event.derive(signed(encoded(envelope(type=kind))), ATTEMPT)
    assert event.concerns(found, "batch") is concerned


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)


@given(
    body=st.binary(max_size=300)
    | st.fixed_dictionaries({}, optional={"type": json, "timestamp": json, "data": json}).map(
        encoded
    )
    | st.fixed_dictionaries({"data": st.fixed_dictionaries({"id": json})}).map(encoded),
    timestamp=st.integers(0, 999_999_999_999),
)
def test_no_body_makes_it_raise_and_every_event_fits_the_schema(
    body: bytes, timestamp: int
) -> None:
    derived = event.derive(signed(body, timestamp), ATTEMPT)
    stored = derived.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert LastEvent.model_validate(stored).model_dump(mode="json") == derived.model_dump(
        mode="json"
    )
