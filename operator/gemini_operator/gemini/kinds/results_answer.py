"""Reads an answer that may have results: a small one as it is, a large one without its results."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gemini_operator.base import nesting
from gemini_operator.base.nesting import Undecodable
from gemini_operator.base.work_thread import in_work_thread
from gemini_operator.gemini import documents, errors
from gemini_operator.gemini.result_items import ResultItems

# Bytes; parsing more would block the event loop for too long.
_ASIDE = 2**18
# Objects and lists. In a thread, too, parsing more would block the event loop: a call of the parser
# cannot be interrupted. Google's own results have one for each 30 bytes at most.
_MOST = 250_000


class ResultsAnswer:
    """One answer that arrives in pieces.

    Args:
        call: for messages, such as `batches.get`.
        in_memory: bytes of an answer that is kept with its results.
    """

    def __init__(self, call: str, in_memory: int) -> None:
        self._call = call
        self._in_memory = in_memory
        self._body = bytearray()
        self._items: ResultItems | None = None

    async def feed(self, piece: bytes) -> None:
        """Read the next piece.

        Raises:
            Unavailable: it is not JSON.
        """
        if self._items is not None:
            await self._skip(self._items, piece)
            return
        self._body += piece
        if len(self._body) > self._in_memory:
            await self._leave_out_results()

    async def finish(self) -> tuple[dict[str, Any], bool]:
        """Return the answer, and whether its results are in it.

        Raises:
            Unavailable: it is not JSON, or not to its end.
        """
        if len(self._body) > _ASIDE and nesting.has_many(bytes(self._body), b"[{", _MOST):
            await self._leave_out_results()
        with undecodable(self._call):
            if self._items is not None:
                return documents.parse(self._items.finish()), False
            body = bytes(self._body)
            if len(body) > _ASIDE:
                return await in_work_thread(documents.parse, body, results=True), True
            return documents.parse(body, results=True), True

    async def _leave_out_results(self) -> None:
        """Read the answer, as far as it is here, without keeping its results, and go on so."""
        self._items, body = ResultItems(), bytes(self._body)
        self._body.clear()
        await self._skip(self._items, body)

    async def _skip(self, items: ResultItems, piece: bytes) -> None:
        with undecodable(self._call):
            await in_work_thread(items.feed, piece)


@contextmanager
def undecodable(call: str) -> Iterator[None]:
    """Turn an answer that cannot be decoded into `Unavailable`: the next one may be better."""
    try:
        yield
    except Undecodable as error:
        raise errors.Unavailable(f"{call}: Google's answer is {error}", status=200) from None
