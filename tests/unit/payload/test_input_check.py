import gzip
from collections.abc import Iterable

import pytest

from gemini_operator.payload.input_check import InputCheck
from gemini_operator.payload.requests import InvalidInput

GOOD = b'{"key": "a", "request": {"contents": []}}\n'
LIMIT = 100_000


def check(uri: str, pieces: Iterable[bytes]) -> bytes:
    one = InputCheck(uri, "GenerateContent", read_limit=LIMIT)
    sent = b"".join(good for piece in pieces for good in one.feed(piece))
    rest, _ = one.finish()
    return sent + rest


@pytest.mark.parametrize(
    ("uri", "packed"),
    [
        ("s3://bucket/a.gz", True),
        ("https://host/a.gz?x=y", True),
        ("https://host/a?x=y.gz", False),
        ("https://host/a@b/c.gz", True),
        (f"s3://bucket/{'a' * 300}.gz", True),
        (f"s3://bucket/{'a' * 300}.gz/a", False),
    ],
)
def test_the_whole_path_says_whether_an_input_is_packed(uri: str, packed: bool) -> None:
    assert check(uri, [gzip.compress(GOOD) if packed else GOOD]) == GOOD


@pytest.mark.parametrize(
    ("uri", "piece"),
    [
        ("s3://bucket/a", b"\n" * 1000),
        ("s3://bucket/a", b" " * 999 + b"\n"),
        ("s3://bucket/a.gz", gzip.compress(b"")),
        ("s3://bucket/a.gz", gzip.compress(b" \n" * 30_000)),
    ],
    ids=["lines", "spaces", "members", "bomb"],
)
def test_s10_what_has_no_end_and_no_requests_is_given_up(uri: str, piece: bytes) -> None:
    def endless() -> Iterable[bytes]:
        yield gzip.compress(GOOD) if uri.endswith(".gz") else GOOD
        for _ in range(LIMIT):
            yield piece
        raise AssertionError("it is read for ever")

    with pytest.raises(InvalidInput, match=f"{uri}: it has more than {LIMIT} bytes, most of"):
        check(uri, endless())
