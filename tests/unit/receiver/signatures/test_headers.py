import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.receiver.signatures import headers

Raw = list[tuple[bytes, bytes]]
NOW = 1_764_000_000
GOOD: Raw = [
    (b"Host", b"callbacks.example.com"),
    (b"Webhook-Id", b"msg_1"),
    (b"Webhook-Timestamp", b"1764000000"),
    (b"Webhook-Signature", b"v1a,AAAA v1,BBBB"),
]


def replaced(name: bytes, value: bytes) -> Raw:
    return [(key, value if key.lower() == name else old) for key, old in GOOD]


def test_the_three_headers_are_read() -> None:
    found = headers.read(GOOD)
    assert found is not None
    assert found.id == "msg_1"
    assert found.timestamp == NOW
    assert found.tokens == (b"v1a,AAAA", b"v1,BBBB")
    assert found.signed_prefix == b"msg_1.1764000000."


@pytest.mark.row(32)
@pytest.mark.parametrize("spell", [bytes.lower, bytes.upper, bytes.title])
def test_names_match_in_any_case(spell: object) -> None:
    assert callable(spell)
    assert headers.read([(spell(name), value) for name, value in GOOD]) is not None


@pytest.mark.row(31, 34, 35)
@pytest.mark.parametrize("name", [b"webhook-id", b"webhook-timestamp", b"webhook-signature"])
def test_each_header_is_needed_exactly_once_and_not_empty(name: bytes) -> None:
    assert headers.read([pair for pair in GOOD if pair[0].lower() != name]) is None
    assert headers.read([*GOOD, *(pair for pair in GOOD if pair[0].lower() == name)]) is None
    assert headers.read([*GOOD, (name.upper(), b"x")]) is None
    assert headers.read(replaced(name, b"")) is None


@pytest.mark.row(33)
def test_svix_names_are_other_headers() -> None:
    assert headers.read([(key.replace(b"Webhook", b"Svix"), old) for key, old in GOOD]) is None


@pytest.mark.row(37)
@pytest.mark.parametrize(
    "value",
    [b"msg_1.1764000000", b"msg 1", b"msg\t1", b"msg\xff", "msgé".encode(), b"m" * 129, b"a\nb"],
)
def test_an_id_with_anything_but_word_characters_is_refused(value: bytes) -> None:
    assert headers.read(replaced(b"webhook-id", value)) is None


def test_an_id_of_128_characters_is_read() -> None:
    found = headers.read(replaced(b"webhook-id", b"m" * 128))
    assert found is not None
    assert found.id == "m" * 128


@pytest.mark.row(39)
@pytest.mark.parametrize(
    "value",
    [
        b"1764000000.9",
        b" 1764000000",
        b"+1764000000",
        b"-1",
        b"1_764_000_000",
        b"1764000000000",
        b"2025-11-24T16:00:00Z",
        b"nan",
        b"1e9",
        "١٧٦٤".encode(),
        b"1764000000\n",
        b"01764000000",
        b"0",
    ],
)
def test_a_timestamp_is_up_to_twelve_digits(value: bytes) -> None:
    assert headers.read(replaced(b"webhook-timestamp", value)) is None


@pytest.mark.row(36)
def test_a_list_that_a_proxy_folded_is_refused() -> None:
    assert headers.read(replaced(b"webhook-signature", b"v1a,AAAA, v1a,BBBB")) is None
    assert headers.read(replaced(b"webhook-signature", b"v1a,AAAA,v1a,BBBB")) is None


def test_sixteen_tokens_are_the_most() -> None:
    assert headers.read(replaced(b"webhook-signature", b" ".join([b"v1,A"] * 16))) is not None
    assert headers.read(replaced(b"webhook-signature", b" ".join([b"v1,A"] * 17))) is None


@pytest.mark.row(40)
@pytest.mark.parametrize(
    ("offset", "current"),
    [(-301, False), (-300, True), (-299, True), (0, True), (299, True), (300, True), (301, False)],
)
def test_an_attempt_may_be_five_minutes_away_and_no_more(offset: int, current: bool) -> None:
    found = headers.read(replaced(b"webhook-timestamp", str(NOW + offset).encode()))
    assert found is not None
    assert found.is_current(NOW) is current
    assert found.is_current(NOW + 0.999) is current


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"x"])
            | st.binary(max_size=20),
            st.binary(max_size=200),
        ),
        max_size=8,
    )
)
def test_no_headers_make_reading_raise(raw: Raw) -> None:
    found = headers.read(raw)
    assert found is None or found.signed_prefix.startswith(found.id.encode() + b".")
