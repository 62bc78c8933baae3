"""Reads Google's list of batches, page by page."""

from collections.abc import Callable, Mapping
from typing import Any

from gemini_operator.base import logs
from gemini_operator.gemini import errors
from gemini_operator.gemini.connection import GeminiConnection
from gemini_operator.gemini.kinds import batch_resource
from gemini_operator.gemini.measure import measured
from gemini_operator.gemini.remote import Listing, Summary
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.gemini.transport import ANSWER_LIMIT

_log = logs.get_logger(__name__)


async def list_batches(
    connection: GeminiConnection, settings: GeminiSettings, clock: Callable[[], float]
) -> Listing:
    """Read `batches.list` until its end, or until the limit of pages or time.

    Only a complete list can prove that a batch does not exist (P11).

    Args:
        connection: to Google, with one API key.
        settings: the limits.
        clock: monotonic seconds.

    Raises:
        errors.GeminiError: a page could not be read.
    """
    return await _Pass(connection, settings, clock).run()


class _Pass:
    def __init__(
        self, connection: GeminiConnection, settings: GeminiSettings, clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = clock
        self._size = settings.list_page_size
        self._batches: dict[str, Summary] = {}
        self._ignored = 0
        self._lost = 0

    async def run(self) -> Listing:
        ended = await self._turn_pages()
        if self._ignored:
            _log.warning("batches without a usable name were ignored", count=self._ignored)
        complete = ended and not self._lost
        return Listing(batches=tuple(self._batches.values()), complete=complete)

    async def _turn_pages(self) -> bool:
        """Read the pages; return whether the end was reached."""
        deadline = self._clock() + self._settings.list_time_cap
        token, seen = "", set[str]()
        for _ in range(self._settings.list_page_cap):
            # A key with very many batches must not occupy the one list that all its jobs share.
            if self._clock() > deadline:
                return False
            page = await self._page(token)
            if page is None:
                return False
            self._take(page.get("operations"))
            following = page.get("nextPageToken")
            if not following:
                return True
            # A token that comes again would make the pages go round for ever.
            if not isinstance(following, str) or following in seen:
                return False
            seen.add(following)
            token = following
        return False

    async def _page(self, token: str) -> Mapping[str, Any] | None:
        """Read a page, with fewer batches if it is too large; `None` if a single batch is."""
        while True:
            params = {"pageSize": str(self._size)} | ({"pageToken": token} if token else {})
            try:
                with measured("batches.list"):
                    return await self._connection.read(
                        "batches", call="batches.list", params=params, limit=ANSWER_LIMIT
                    )
            except errors.TooLarge:
                if self._size == 1:
                    return None
                self._size = max(1, self._size // 4)

    def _take(self, operations: object) -> None:
        # A page without `operations` is empty. With anything but a list its batches are unknown.
        if operations is not None and not isinstance(operations, list):
            self._lost += 1
            return
        for operation in operations or []:
            self._take_one(operation if isinstance(operation, dict) else {})

    def _take_one(self, operation: Mapping[str, Any]) -> None:
        """Keep a batch that has a name, and ignore any other.

        One odd batch must not end every search. But if its display name has a token of ours, the
        list is not complete: it cannot prove that there is no batch.
        """
        name = batch_resource.name_of(operation)
        if name is not None:
            self._batches[name] = batch_resource.summary(operation, name)
            return
        self._ignored += 1
        if batch_resource.bears_token(operation):
            self._lost += 1
