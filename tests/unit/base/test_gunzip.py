import gzip
import tracemalloc
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.base.gunzip import STEP, Gunzip, NotGzip

MIB = 2**20
TEXT = b'{"key": "a"}\n' * 50
FILE = gzip.compress(TEXT, mtime=0)


def decompressed(pieces: Iterable[bytes]) -> bytes:
    gunzip = Gunzip()
    out = b"".join(part for piece in pieces for part in gunzip.feed(piece))
    gunzip.finish()
    return out


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(members=st.lists(st.binary(max_size=200), min_size=1, max_size=4), zeros=st.integers(0, 9))
def test_files_of_several_members_are_read_in_pieces_of_any_size(
    members: list[bytes], zeros: int
) -> None:
    data = b"".join(map(gzip.compress, members)) + b"\0" * zeros
    for size in (1, 7, len(data)):
        assert decompressed(cut(data, size)) == b"".join(members)


def test_a_bomb_gives_no_more_than_a_step_at_a_time() -> None:
    deflate = zlib.compressobj(9, wbits=31)
    bomb = b"".join(deflate.compress(bytes(MIB)) for _ in range(64)) + deflate.flush()
    tracemalloc.start()
    gunzip = Gunzip()
    sizes = [len(part) for part in gunzip.feed(bomb)]
    gunzip.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (sum(sizes), max(sizes)) == (64 * MIB, STEP)
    assert peak < 4 * MIB


def test_ten_thousand_members_are_read_in_time() -> None:
    assert decompressed([gzip.compress(b"x") * 10_000]) == b"x" * 10_000


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty"),
        (TEXT, "it is not gzip, although its name ends in .gz"),
        (b"\x1f", "it is not gzip, although its name ends in .gz"),
        (b"\x1fx", "it is not gzip, although its name ends in .gz"),
        (b"\0\0", "it is not gzip, although its name ends in .gz"),
        (b"\x1f\x8b\x07" + TEXT, "it is damaged"),
        (FILE[:-1], "it is cut off"),
        (FILE[:15], "it is cut off"),
        (b"\x1f\x8b", "it is cut off"),
        (FILE * 2 + b"\x1f", "it is cut off"),
        (FILE[:-8] + bytes(8), "it is damaged"),
        (FILE + TEXT, "something that is not gzip follows"),
        (FILE + b"\0\0" + FILE, "something that is not gzip follows"),
        (FILE + b"\0\x1f", "something that is not gzip follows"),
    ],
    ids=[
        "empty",
        "text",
        "half a sign",
        "almost",
        "zeros",
        "no method",
        "one byte less",
        "a few bytes",
        "a sign",
        "half a second sign",
        "another sum",
        "text after it",
        "a member after zeros",
        "a sign after zeros",
    ],
)
def test_what_is_no_whole_gzip_file_is_refused(data: bytes, says: str, size: int) -> None:
    with pytest.raises(NotGzip, match=f"^{says}"):
        decompressed(cut(data, size))


@pytest.mark.parametrize("at", range(1, len(FILE)))
def test_no_beginning_of_a_file_is_taken_for_the_file(at: int) -> None:
    with pytest.raises(NotGzip, match=r"cut off|is not gzip"):
        decompressed([FILE[:at]])
