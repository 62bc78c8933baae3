"""The table of input files in docs/inputs.md, row by row."""

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gemini_operator.payload import request_lines
from gemini_operator.payload.json_lines import VALUE_LIMIT
from gemini_operator.payload.request_checks import InvalidLines, RequestType
from gemini_operator.payload.request_stream import (
    FILE_LIMIT,
    LINE_LIMIT,
    REQUEST_LIMIT,
    Checked,
    RequestStream,
)
from tests.markdown import rows, text_of

PAGE = text_of(Path("docs/inputs.md"))
TABLE = dict(rows(PAGE, "## What happens to which file"))
LIMITS = rows(PAGE, "## Limits")

GOOD = '{"key": "a", "request": {"contents": []}}'
OTHER = '{"key": "b", "request": {"contents": []}}'
MILLION = 1_000_000


class Input(NamedTuple):
    """A file of the table. Limits are lowered where a file of that size would take too long."""

    pieces: Iterable[bytes]
    accepted: bytes | None = None
    expected: RequestType = "GenerateContent"
    limits: dict[str, int] = {}  # noqa: RUF012 - nobody writes to it
    fits_a_config_map: bool = True


def second(line: str, expected: RequestType = "GenerateContent") -> Input:
    first = GOOD if expected == "GenerateContent" else GOOD.replace("contents", "content")
    return Input([f"{first}\n{line}\n".encode()], expected=expected)


def member(text: str) -> Input:
    return second(f'{{"key": "b", "request": {{"contents": [], {text}}}}}')


def with_a_key_twice() -> Iterator[bytes]:
    for start in range(0, MILLION, 10_000):
        numbers = range(start + 1, start + 10_001)
        keys = (1 if number == MILLION else number for number in numbers)
        yield "".join(f'{{"key":"{key}","request":{{"contents":0}}}}\n' for key in keys).encode()


def with_a_long_line() -> Iterator[bytes]:
    yield f'{GOOD}\n{{"key": "b", "request": {{"contents": "'.encode()
    for _ in range(50):
        yield b"x" * 1_000_000
    yield b'"}}\n'


LINES = f"{GOOD}\n{OTHER}\n".encode()
EMBEDDING = '{"key": "b", "request": {"content": {}}}'
INPUTS = {
    "has no bytes": Input([]),
    "has only blank lines": Input([b"\n \r\n\t\n"]),
    "has no line end after its last line": Input([LINES[:-1]], LINES),
    "has line ends of Windows": Input([LINES.replace(b"\n", b"\r\n")], LINES),
    "begins with a byte order mark": Input([b"\xef\xbb\xbf" + LINES], LINES),
    "has blank lines between requests": Input([b"\n" + LINES.replace(b"\n", b"\n\n \n")], LINES),
    "has the same key on lines 1 and 1,000,000": Input(with_a_key_twice(), fits_a_config_map=False),
    "has one byte more than Google takes": Input(
        [LINES], limits={"file_limit": len(LINES) - 1}, fits_a_config_map=False
    ),
    "has more than 5,000,000 requests": Input(
        [LINES], limits={"request_limit": 1}, fits_a_config_map=False
    ),
    "has a line of 50 MB": Input(with_a_long_line(), fits_a_config_map=False),
    "has a line of 2 MB with 600,000 numbers": member(
        f'"a": [{",".join(["12"] * 600_000)}]'
    )._replace(fits_a_config_map=False),
    "has bytes that are not UTF-8": Input(
        [LINES.replace(b'"b"', b'"\xff"')], fits_a_config_map=False
    ),
    "is packed with gzip, and its name does not end in .gz": Input(
        [gzip.compress(LINES)[:1], gzip.compress(LINES)[1:]], fits_a_config_map=False
    ),
    "is UTF-16": Input([LINES.decode().encode("utf-16")], fits_a_config_map=False),
    "has text that is not JSON": second("key: b"),
    "has a last line that is cut off": Input([LINES[:-9]]),
    "has a line that is no object": second("[]"),
    "has NaN": member('"temperature": NaN'),
    "has the number 1e999": member('"temperature": 1e999'),
    "has half of a surrogate pair": member(r'"text": "\ud83d"'),
    "has a member twice": member('"temperature": 0, "temperature": 1'),
    "has a request of 65 levels": member('"a": ' + "[" * 64 + "]" * 64),
    "has a line without a key": second('{"request": {"contents": []}}'),
    "has a key that is a number": second(OTHER.replace('"b"', "7")),
    "has a line without a request": second('{"key": "b"}'),
    "has an empty request": second('{"key": "b", "request": {}}'),
    "has other members beside the request": second(OTHER[:-1] + ', "generationConfig": {}}'),
    "has metadata that is no object": second(OTHER[:-1] + ', "metadata": []}'),
    "has another key in metadata": second(OTHER[:-1] + ', "metadata": {"key": "c"}}'),
    "has a request of neither type": second('{"key": "b", "request": {"prompt": ""}}'),
    "has a request for embeddings in a job of the type GenerateContent": second(EMBEDDING),
    "has a request for text in a job of the type EmbedContent": second(OTHER, "EmbedContent"),
    "has the form of OpenAI's Batch API": Input(
        [b'{"custom_id": "a", "method": "POST", "url": "/v1/x", "body": {}}\n']
    ),
    "has that form on all of its 10 lines": Input(
        [b'{"custom_id": "a", "method": "POST", "url": "/v1/x", "body": {}}\n' * 10],
        fits_a_config_map=False,
    ),
    "is a JSON array": Input([f"[{GOOD},\n{OTHER}]\n".encode()]),
    "has requests over several lines each": Input(
        ["\n".join(json.dumps(json.loads(line), indent=2) for line in (GOOD, OTHER)).encode()]
    ),
}


def streamed(given: Input) -> tuple[bytes, Checked]:
    stream = RequestStream(given.expected, **given.limits)
    sent = b"".join(map(stream.feed, given.pieces))
    rest, checked = stream.finish()
    return sent + rest, checked


def test_every_row_has_its_file() -> None:
    assert list(TABLE) == list(INPUTS)


@pytest.mark.parametrize("name", INPUTS)
def test_each_row_says_what_happens(name: str) -> None:
    given, says = INPUTS[name], TABLE[name]
    if given.accepted is not None:
        assert says.startswith("accepts it")
        assert streamed(given)[0] == given.accepted
        return
    with pytest.raises(InvalidLines) as refused:
        streamed(given)
    message = str(refused.value)
    for limit, number in (("file_limit", FILE_LIMIT), ("request_limit", REQUEST_LIMIT)):
        if limit in given.limits:
            message = message.replace(str(given.limits[limit]), str(number))
    assert says == f"`{message}`"


@pytest.mark.parametrize("name", [name for name in INPUTS if INPUTS[name].fits_a_config_map])
def test_a_config_map_with_the_same_lines_gives_the_same_message(name: str) -> None:
    given = INPUTS[name]
    text = b"".join(given.pieces).decode()
    if given.accepted is not None:
        parsed = request_lines.parse(text, given.expected)
        assert parsed == [json.loads(line) for line in given.accepted.splitlines()]
        return
    with pytest.raises(InvalidLines) as refused:
        request_lines.parse(text, given.expected)
    assert f"`{refused.value}`" == TABLE[name]


def test_the_limits_are_those_of_the_code() -> None:
    values = [int(row[1].split()[0].replace(",", "")) for row in LIMITS]
    assert values == [FILE_LIMIT, LINE_LIMIT, REQUEST_LIMIT, VALUE_LIMIT, 64]
