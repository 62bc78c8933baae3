"""The results of a batch as JSON Lines, however large they are, counted on the way."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from gemini_operator.base.work_thread import in_work_thread
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.tally import Tally
from gemini_operator.controller.reconcile.results import (
    Expected,
    Results,
    ResultsLate,
    check_readable,
    knows_requests,
    late_results,
    results_file,
    tally_of,
)
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Observation
from gemini_operator.payload import results
from gemini_operator.payload.matching import Matched
from gemini_operator.payload.result_stream import ResultCounts, ResultStream, encode_item
from gemini_operator.payload.results import ResultKind, ResultsTooLarge

SORTED: Final = 4 * 2**20
"""Bytes of a results file that is put into the order of the requests, if they are in Kubernetes."""

FILE_LIMIT: Final = 16 * 2**30
"""Bytes of a results file. Google documents no limit; a file of requests has 2 GB at most."""

PIECE: Final = 2**20

NONE = "There are no results in it"

AS_SENT = "The results are too large to be put into the order of the requests."


@dataclass
class Lines:
    """What the lines were, once all of them were read."""

    records: int = 0
    tally: Tally = field(default_factory=lambda: Tally(0, 0))


class ResultLines:
    """Reads results as JSON Lines.

    Args:
        small: reads results that fit into memory, and puts them into order.
    """

    def __init__(self, small: Results) -> None:
        self._small = small

    async def of(
        self, job: Job, observation: Observation, client: GeminiClient, lines: Lines
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines in pieces of about 1 MiB; close the iterator (`aclosing`).

        Args:
            job: whose batch it is.
            observation: the batch.
            client: of the job's API key.
            lines: gets the numbers, at the end.

        Raises:
            ResultsLate: Google does not show the results, or what it shows is none.
            ResultsTooLarge, errors.TooLarge: they exceed every limit.
            Stale, GeminiError, KubeError: no answer for now.
        """
        if observation.too_large:
            raise ResultsTooLarge("the results are too large to read")
        if observation.inline_results is not None:
            found = await in_work_thread(results.of_items, observation.inline_results)
            matched, note = await self._small.match(job, observation, found)
            pieces = _whole(matched, note, lines)
        elif observation.has_stream:
            pieces = self._items(job, observation, client, lines)
        else:
            pieces = self._file(job, observation, client, lines)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _file(
        self, job: Job, observation: Observation, client: GeminiClient, lines: Lines
    ) -> AsyncGenerator[bytes, None]:
        name = results_file(observation)
        with late_results(name):
            async with aclosing(client.files.download(name, FILE_LIMIT)) as chunks:
                start = await _start(chunks) if knows_requests(job) else None
                if start is not None and start.whole:
                    found = await in_work_thread(results.of_text, start.text)
                    check_readable(name, found)
                    if not found:
                        raise ResultsLate(NONE)
                    matched, note = await self._small.match(job, observation, found)
                    pieces = _whole(matched, note, lines)
                else:
                    text = b"" if start is None else start.text
                    note = "" if start is None else AS_SENT
                    expected = await self._small.expected(job, observation)
                    pieces = _counted(_joined(text, chunks), expected, note, lines)
                async with aclosing(pieces):
                    async for piece in pieces:
                        yield piece

    async def _items(
        self, job: Job, observation: Observation, client: GeminiClient, lines: Lines
    ) -> AsyncGenerator[bytes, None]:
        expected = await self._small.expected(job, observation)
        name = observation.summary.name
        with late_results(name):
            async with (
                aclosing(client.batches.results(name)) as items,
                aclosing(_encoded(items)) as encoded,
                aclosing(_counted(encoded, expected, "", lines)) as pieces,
            ):
                async for piece in pieces:
                    yield piece


@dataclass(frozen=True)
class _Start:
    text: bytes
    whole: bool


async def _start(chunks: AsyncIterator[bytes]) -> _Start:
    """Return the beginning of a file, or all of it if it is small enough to be sorted."""
    text, lines = bytearray(), 0
    async for chunk in chunks:
        text += chunk
        lines += chunk.count(b"\n")
        if len(text) > SORTED or lines > results.MOST:
            return _Start(bytes(text), whole=False)
    return _Start(bytes(text), whole=True)


async def _joined(start: bytes, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if start:
        yield start
    async for chunk in chunks:
        yield chunk


async def _whole(matched: Matched, note: str, lines: Lines) -> AsyncGenerator[bytes, None]:
    lines.records, lines.tally = len(matched.lines), tally_of(matched, note)
    text = "".join(matched.lines).encode()
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


async def _encoded(items: AsyncIterator[list[bytes]]) -> AsyncGenerator[bytes, None]:
    async for some in items:
        left = map(encode_item, some)
        while piece := await in_work_thread(_next_piece, left):
            yield piece


def _next_piece(left: Iterator[bytes]) -> bytes:
    """Return about `PIECE` bytes: a line that says what is wrong may be a hundred times its item."""
    piece = bytearray()
    for line in left:
        piece += line
        if len(piece) >= PIECE:
            break
    return bytes(piece)


async def _counted(
    pieces: AsyncIterator[bytes], expected: Expected, note: str, lines: Lines
) -> AsyncGenerator[bytes, None]:
    """Yield the pieces unchanged, but for a line end that is missing; raise if they are no results."""
    stream = ResultStream(unique_keys=expected.unique_keys)
    async for piece in pieces:
        text = await in_work_thread(stream.feed, piece)
        # Some pieces are read ahead, and one may be a single result of 64 MiB.
        for start in range(0, len(text), PIECE):
            yield text[start : start + PIECE]
    rest, counts = await in_work_thread(stream.finish)
    # Raised before the last piece: until then the object does not exist.
    if not counts.records:
        raise ResultsLate(NONE)
    if counts.foreign == counts.records:
        raise ResultsLate("What Google shows as results is not JSON")
    lines.records, lines.tally = counts.records, _tally(counts, expected.number, note)
    yield rest


def _tally(counts: ResultCounts, expected: int, note: str) -> Tally:
    kinds = counts.kinds.copy()
    kinds[ResultKind.MISSING] += max(0, expected - kinds.total())
    return tally_of(Matched((), kinds, repeated=counts.repeated), note)
