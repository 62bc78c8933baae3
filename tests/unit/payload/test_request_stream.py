import gc
import hashlib
import json
import re
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gemini_operator.payload import request_lines
from gemini_operator.payload.key_digests import KeyDigests
from gemini_operator.payload.request_checks import InvalidLines
from gemini_operator.payload.request_stream import Checked, RequestStream

MIB = 2**20
GOOD = '{"key": "a", "request": {"contents": []}}'
OTHER = GOOD.replace('"a"', '"b"', 1)
SECRET_TEXT = "a-tenants-secret-prompt"

LINES = st.sampled_from(
    [
        "",
        " ",
        "\x0b",
        "\u00a0",
        "\r",
        GOOD,
        OTHER,
        f" {GOOD}\t",
        f"{GOOD}\r",
        f"{GOOD}\r\r",
        f"\u00a0[{GOOD}]",
        GOOD[:-1],
        GOOD[:12],
        "}",
        "{",
        "[",
        "]",
        '"x\r',
        "null",
        "7",
        '{"x": {"a": 1, "a": 2},',
        '"y": 1}',
        GOOD.replace("[]", "1e999"),
        GOOD.replace("[]", "1" + 4400 * "0"),
        GOOD.replace("[]", "NaN"),
        GOOD.replace("[]", r'"\ud83d"'),
        GOOD.replace("[]", r'"\ud83d\ude00"'),
        GOOD.replace("[]", "[" * 63 + "]" * 63),
        GOOD.replace("[]", "[" * 64 + "]" * 64),
        GOOD.replace("[]", "[" * 250 + "]" * 250),
        GOOD.replace("[]", '{"a": 1, "a": 1}'),
        GOOD.replace("contents", "content"),
        GOOD.replace("key", "custom_id"),
        GOOD.replace('"a"', '"ä\u2028\U0001f600"'),
    ]
)
TEXTS = st.lists(LINES | st.text(max_size=8), max_size=14).map("\n".join)
MORE = re.compile(r"; and (?:\d+|maybe) more$")


def read(pieces: Iterable[bytes], **limits: int) -> tuple[bytes, Checked]:
    stream = RequestStream("GenerateContent", **limits)
    sent = b"".join(map(stream.feed, pieces))
    rest, checked = stream.finish()
    return sent + rest, checked


def outcome(pieces: Iterable[bytes], **limits: int) -> tuple[bytes, Checked] | str:
    try:
        return read(pieces, **limits)
    except InvalidLines as error:
        return str(error)


def refusal(*pieces: bytes, **limits: int) -> str:
    with pytest.raises(InvalidLines) as refused:
        read(pieces, **limits)
    return str(refused.value)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


# What is sent


def test_lines_are_sent_byte_for_byte_and_counted() -> None:
    line = r'{ "request":{"contents":[1.50,1E2,"\u00e4\/"], "b" : 1}, "key":"ä" }'
    sent, checked = read([f"\ufeff\n  {line} \r\n\r\n{GOOD}".encode()])
    assert sent == f"  {line} \n{GOOD}\n".encode()
    assert checked == Checked(2, len(sent), hashlib.sha256(sent).hexdigest())


def test_most_pieces_are_sent_as_they_come() -> None:
    piece = f"{GOOD}\n{OTHER}\n".encode()
    assert RequestStream("GenerateContent").feed(piece) is piece


def test_after_a_problem_nothing_is_sent() -> None:
    stream = RequestStream("GenerateContent")
    assert stream.feed(f"{GOOD}\n".encode())
    assert stream.feed(f"7\n{OTHER}\n".encode()) == b""
    with pytest.raises(InvalidLines, match=r"^line 2 is not a JSON object$"):
        stream.finish()


@given(text=TEXTS, start=st.sampled_from(["", "\ufeff"]))
@example(text=f'{{"x": {{"a": 1, "a": 2}},\n\x0b\n"y": 1}}\n{GOOD}', start="")
@settings(max_examples=300)
def test_it_reads_what_is_read_from_a_config_map(text: str, start: str) -> None:
    found = outcome([(start + text).encode()])
    if isinstance(found, str):
        with pytest.raises(InvalidLines) as refused:
            request_lines.parse(start + text, "GenerateContent")
        assert MORE.sub("", found) == MORE.sub("", str(refused.value))
        return
    items = request_lines.parse(start + text, "GenerateContent")
    sent, checked = found
    assert [json.loads(line) for line in sent.split(b"\n")[:-1]] == items
    assert checked == Checked(len(items), len(sent), hashlib.sha256(sent).hexdigest())


@given(text=TEXTS, start=st.sampled_from(["", "\ufeff"]))
@settings(max_examples=60)
def test_pieces_may_end_anywhere(text: str, start: str) -> None:
    data = (start + text).encode()
    whole = outcome([data], line_limit=300)
    assert outcome(cut(data, 1), line_limit=300) == whole
    for at in range(0, len(data), max(1, len(data) // 40)):
        assert outcome([data[:at], data[at:]], line_limit=300) == whole


@given(st.binary(max_size=30))
def test_s09_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert outcome([data]) == outcome(cut(data, 1))


# What is refused


@pytest.mark.parametrize(
    "line",
    [
        SECRET_TEXT,
        f'{{"key": "{SECRET_TEXT}"}}',
        f'{{"key": "{SECRET_TEXT}", "request": {{"contents": "{SECRET_TEXT}"}}}}\n' * 2,
        f'{{"key": "a", "request": {{"contents": "{SECRET_TEXT}\ud800"}}}}',
    ],
)
def test_s09_a_refusal_never_quotes_the_input(line: str) -> None:
    assert SECRET_TEXT not in refusal(line.encode(errors="surrogatepass"))


def test_reading_stops_at_the_tenth_problem() -> None:
    stream = RequestStream("GenerateContent")
    stream.feed(f"{GOOD}\n".encode() + b"{}\n" * 9)
    with pytest.raises(InvalidLines) as refused:
        stream.feed(b"{}\n" * 9)
    said = str(refused.value)
    mistake = 'has no "key" of 1 to 256 characters'
    assert said == f"line 2 {mistake} (also lines 3 to 11); and maybe more"


def test_a_file_with_one_key_is_not_read_to_its_end() -> None:
    stream = RequestStream("GenerateContent")
    with pytest.raises(InvalidLines, match=r"^lines 1 to 11 have the same key; and maybe more$"):
        stream.feed(f"{GOOD}\n".encode() * 1000)


@pytest.mark.parametrize(("above", "fits"), [(0, True), (1, False)])
def test_limits_are_reached_and_not_exceeded(above: int, fits: bool) -> None:
    data = f"{GOOD}\n{OTHER}\n".encode()
    outcomes = [
        outcome([data], file_limit=len(data) - above),
        outcome([data], request_limit=2 - above),
        outcome([data], line_limit=len(GOOD) - above),
    ]
    assert [isinstance(found, tuple) for found in outcomes] == [fits] * 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'"' + b"x" * 99, "line 1 is longer than 64 bytes"),
        (b"\n [" + b"1," * 99, "line 2, column 2 begins a JSON array"),
        (b" " * 99 + b"\n", "line 1 is longer than 64 bytes"),
        (
            b"{\n" + b"x" * 99 + b"\n\n{}",
            "line 1 ends before its JSON does: is it cut off, or broken into several lines?; ",
        ),
    ],
    ids=["text", "array", "blank", "second"],
)
def test_what_a_long_line_is(text: bytes, says: str) -> None:
    said = refusal(text, line_limit=64)
    assert said.startswith(says)
    assert refusal(*cut(text, 1), line_limit=64) == said


def long_line(content: str) -> bytes:
    return GOOD.replace("[]", f'["{"x" * MIB}", {content}]').encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 1, "a": 1}', "has a member twice in one object"),
        (r'"\ud83d"', "has half of a surrogate pair"),
        (r'"\ud83d\u0041"', "has half of a surrogate pair"),
        ("NaN", "is not JSON"),
        ("1e999", "has a number that is too large"),
        ("[" * 70 + "]" * 70, "is nested deeper than 64 levels"),
        ("[" * 270 + "]" * 270, "is nested deeper than 64 levels"),
        (",".join("1" * 250_000), "has more than 250000 values"),
        (",".join(["[" * 50 + "]" * 50] * 5000), "has more than 250000 values"),
    ],
    ids=[
        "twice",
        "half",
        "two halves",
        "NaN",
        "1e999",
        "70 levels",
        "270 levels",
        "values",
        "lists",
    ],
)
def test_a_long_line_is_refused_in_few_words(content: str, says: str) -> None:
    assert refusal(f"{OTHER}\n".encode() + long_line(content)).startswith(f"line 2 {says}")


def test_s10_a_shorter_line_has_no_more_values() -> None:
    line = GOOD.replace("[]", f"[{','.join('1' * 250_000)}]").encode()
    assert len(line) < MIB
    assert refusal(line) == "line 1 has more than 250000 values"


def test_a_long_line_that_is_cut_off_is_refused() -> None:
    data = f"{OTHER}\n".encode() + long_line("1")[:-9]
    assert refusal(data).startswith("line 2 ends before its JSON does")


def test_a_long_line_that_is_not_utf_8_is_refused() -> None:
    data = f"{OTHER}\n".encode() + long_line('"?"').replace(b"?", b"\xff")
    assert refusal(data) == "line 2 is not UTF-8 text"


def test_commas_of_a_long_text_are_no_values() -> None:
    data = long_line(r'"\"' + 300_000 * "," + '"')
    assert read(cut(data, MIB))[0] == data


def test_requests_are_counted_between_looks_for_duplicates() -> None:
    lines = [GOOD.replace('"a"', f'"{number}"') + "\n" for number in range(1501)]
    data = "".join(lines).encode()
    assert read([data], request_limit=1501)[1].records == 1501
    assert refusal(data, request_limit=1500).startswith("it has more than 1500 requests")


@pytest.mark.parametrize(("length", "whole"), [(MIB - 8, True), (MIB - 7, False)])
def test_one_object_over_several_lines_is_looked_for_in_a_mebibyte(
    length: int, whole: bool
) -> None:
    data = b'{\n"a": ' + b" " * (length - 1) + b"1}\n"
    said = refusal(data + b" " * MIB)
    assert said.startswith("line 1, column 1 begins one JSON object") == whole
    assert refusal(*cut(data, 1000), b" " * MIB) == said


def test_problems_come_before_the_size() -> None:
    said = refusal(f"{GOOD}\n7\n{OTHER}\n".encode(), file_limit=50)
    assert said.startswith("line 2 is not a JSON object; it has more than 50 bytes")


def test_blank_lines_have_an_end() -> None:
    stream = RequestStream("GenerateContent")
    stream._number = 2**31
    with pytest.raises(InvalidLines, match=r"^it has more than 2147483648 lines"):
        stream.feed(b"\n")


# Memory


def test_a_million_keys_take_little_memory() -> None:
    """The first and the last line have the same key."""
    keys = KeyDigests()
    gc.collect()
    tracemalloc.start()
    for number in range(1, 100_001):
        keys.add(f"key-{number % 100_000}", number)
    keys.add("key-1", 1_000_000)
    assert keys.duplicates(10) == [(1, 1_000_000)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Twelve bytes a key, and what arrays keep free.
    assert peak < 100_000 * 16


def test_a_line_that_is_too_long_is_never_kept() -> None:
    stream = RequestStream("GenerateContent", line_limit=MIB)
    piece = b"x" * (MIB // 2)
    gc.collect()
    tracemalloc.start()
    for _ in range(100):
        stream.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB


def test_blank_lines_take_no_memory_and_are_counted() -> None:
    stream = RequestStream("GenerateContent")
    for _ in range(8):
        assert stream.feed(b"\n" * MIB) == b""
    stream.feed(b"7\n")
    with pytest.raises(InvalidLines, match=f"^line {8 * MIB + 1} is not a JSON object$"):
        stream.finish()
