"""Creates batches, advances them by the schedule, ends them and announces their end."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gemini_emulator import batches as states
from gemini_emulator.batches import Batch, BatchStore
from gemini_emulator.create_request import CreateRequest
from gemini_emulator.errors import ApiError, not_found
from gemini_emulator.request_check import check_lines
from gemini_emulator.result_options import DefaultOptions, parse_result_options
from gemini_emulator.results import InvalidInputLine, ResultCounts, write_results
from gemini_emulator.schedule import DelayQueue, Schedule, TimeSource
from gemini_emulator.store import atomic_write

Announce = Callable[[Batch], None]
InputPath = Callable[[str, str], Path | None]
"""Returns the path of a file's content by project and id; None if there is no such file."""

_CODES = {"CANCELLED": 1, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5}


class BatchRunner:
    """Runs the batches of all projects; every change is written to disk before a client sees it."""

    def __init__(
        self,
        batches: BatchStore,
        *,
        schedule: Schedule,
        clock: TimeSource,
        input_path: InputPath,
        announce: Announce,
        max_open: int,
        default_options: DefaultOptions,
    ) -> None:
        self.batches = batches
        self._schedule = schedule
        self._clock = clock
        self._input_path = input_path
        self._announce = announce
        self._max_open = max_open
        self.default_options = default_options
        self._queue = DelayQueue(clock)
        for batch in batches:
            self._queue.put(batch.id, batch.due)

    def check_input(self, project: str, request: CreateRequest) -> None:
        """Check the lines of the input file, which may take seconds.

        Raises:
            ApiError: 400, a line is not a valid request.
        """
        path = self._input_path(project, request.file_id) if request.file_id else None
        if path is not None:
            with path.open("rb") as lines:
                check_lines(lines, request.kind)

    def create(self, project: str, request: CreateRequest) -> Batch:
        """Create a batch.

        Raises:
            ApiError: the input file does not exist, or the project has too many open batches.
        """
        if request.file_id and self._input_path(project, request.file_id) is None:
            raise not_found()
        if self.batches.unfinished(project) >= self._max_open:
            raise ApiError(429, "You exceeded your current quota: too many concurrent batches.")
        now = self._clock()
        batch = self.batches.add(project, request, now, now + self._schedule.pending)
        self._queue.put(batch.id, batch.due)
        return batch

    def cancel(self, batch: Batch) -> None:
        """Cancel a batch at once; an ended batch does not change."""
        self._end(batch, states.CANCELLED, _error("CANCELLED", "The operation was cancelled."))

    async def force(self, batch: Batch, action: str) -> None:
        """Make a batch succeed, fail, expire, be cancelled, or hang (never advance), for a test."""
        match action:
            case "succeed":
                await self._finish(batch)
            case "fail":
                error = {"code": 13, "message": "The batch failed because a test asked for it."}
                self._end(batch, states.FAILED, error)
            case "expire":
                error = _error("DEADLINE_EXCEEDED", "The batch expired before it was finished.")
                self._end(batch, states.EXPIRED, error)
            case "cancel":
                self.cancel(batch)
            case _:
                batch.due = None
                self.batches.save(batch)

    async def run(self) -> None:
        """Announce ends that a killed process left unannounced, then advance batches when due."""
        self.announce_missed()
        while True:
            await self.advance()
            await self._queue.wait()

    def announce_missed(self) -> None:
        for batch in self.batches:
            if batch.terminal:
                self._announce_once(batch)

    async def advance(self) -> None:
        """Advance every batch that is due by one state."""
        found = [self.batches.get(identity) for identity in self._queue.take()]
        await asyncio.gather(*(self._advance_one(batch) for batch in found if batch))

    async def _advance_one(self, batch: Batch) -> None:
        if batch.due is None or batch.due > self._clock():
            return
        if batch.state == states.PENDING:
            await self._start(batch)
        else:
            await self._finish(batch)

    async def _start(self, batch: Batch) -> None:
        total = (
            await asyncio.to_thread(self._count_requests, batch) if batch.file_id else batch.total
        )
        if batch.state != states.PENDING or batch.due is None:
            return
        batch.total = total
        batch.state = states.RUNNING
        batch.updated = self._clock()
        batch.due += self._schedule.running
        self.batches.save(batch)
        self._queue.put(batch.id, batch.due)

    async def _finish(self, batch: Batch) -> None:
        document = batch.result_options
        if document is None:
            document = self.default_options.document
        try:
            counts = await asyncio.to_thread(self._write_results, batch, document)
        except FileNotFoundError:
            self._end(batch, states.FAILED, _error("NOT_FOUND", "The input file is gone."))
            return
        except InvalidInputLine as error:
            self._end(batch, states.FAILED, _error("INVALID_ARGUMENT", str(error)))
            return
        if not batch.terminal:
            batch.succeeded, batch.failed = counts.succeeded, counts.failed
            batch.total = counts.succeeded + counts.failed
            options = parse_result_options(document)
            batch.result_options = document or None
            batch.hidden_reads = options.late_reads
            batch.failing_downloads = options.failing_downloads
        self._end(batch, states.SUCCEEDED, None)

    def _input_file(self, batch: Batch) -> Path:
        """Return the path of the batch's requests.

        Raises:
            FileNotFoundError: the input file was deleted or has expired.
        """
        if not batch.file_id:
            return self.batches.requests(batch)
        path = self._input_path(batch.project, batch.file_id)
        if path is None:
            raise FileNotFoundError(batch.file_id)
        return path

    def _count_requests(self, batch: Batch) -> int | None:
        try:
            with self._input_file(batch).open("rb") as lines:
                return sum(1 for line in lines if line.strip())
        except FileNotFoundError:
            return None

    def _write_results(self, batch: Batch, document: dict[str, Any]) -> ResultCounts:
        source = self._input_file(batch)
        options = parse_result_options(document)
        with source.open("rb") as lines, atomic_write(self.batches.results(batch)) as output:
            return write_results(lines, output, kind=batch.kind, model=batch.model, options=options)

    def _end(self, batch: Batch, state: str, error: dict[str, Any] | None) -> None:
        if batch.terminal or self.batches.get(batch.id) is not batch:
            return
        now = self._clock()
        batch.state, batch.error = state, error
        batch.updated, batch.ended, batch.due = now, now, None
        self.batches.save(batch)
        self._announce_once(batch)

    def _announce_once(self, batch: Batch) -> None:
        """Announce the end of a batch once.

        A process killed between the two steps announces again after a restart. The event then has
        the same id, so no second delivery is added.
        """
        if not batch.announced:
            self._announce(batch)
            batch.announced = True
            self.batches.save(batch)


def _error(status: str, message: str) -> dict[str, Any]:
    return {"code": _CODES[status], "message": message}
