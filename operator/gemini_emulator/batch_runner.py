"""The life of a batch: created, moved on by the schedule, ended, announced."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gemini_emulator import batches as states
from gemini_emulator.batches import Batch, Batches
from gemini_emulator.create_request import Submission
from gemini_emulator.errors import ApiError, not_found
from gemini_emulator.results import Counts, InvalidInput, run
from gemini_emulator.schedule import Agenda, Clock, Schedule
from gemini_emulator.store import replacing

Announce = Callable[[Batch], None]
InputPath = Callable[[str, str], Path | None]
"""Finds the content of a file by project and id; None where there is no such file."""

_CODES = {"CANCELLED": 1, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5}


class Jobs:
    """Creates, advances and ends batches; every change is on disk before it is visible."""

    def __init__(
        self,
        batches: Batches,
        *,
        schedule: Schedule,
        clock: Clock,
        input_path: InputPath,
        announce: Announce,
        most_open: int,
    ) -> None:
        self.batches = batches
        self._schedule = schedule
        self._clock = clock
        self._input_path = input_path
        self._announce = announce
        self._most_open = most_open
        self._agenda = Agenda(clock)
        for batch in batches:
            self._agenda.put(batch.id, batch.due)

    def create(self, project: str, submission: Submission) -> Batch:
        """Keep a new batch of the project; ApiError where Google refuses one."""
        if submission.file_id and self._input_path(project, submission.file_id) is None:
            raise not_found()
        if self.batches.unfinished(project) >= self._most_open:
            raise ApiError(429, "You exceeded your current quota: too many concurrent batches.")
        now = self._clock()
        batch = self.batches.add(project, submission, now, now + self._schedule.pending)
        self._agenda.put(batch.id, batch.due)
        return batch

    def cancel(self, batch: Batch) -> None:
        """End a batch at once; one that has ended stays as it is."""
        self._end(batch, states.CANCELLED, _error("CANCELLED", "The operation was cancelled."))

    async def force(self, batch: Batch, action: str) -> None:
        """Do what a test asks for: succeed, fail, expire, cancel, or hang (never move on)."""
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
        """Announce what a killed process did not, then move batches on when they are due."""
        self.announce_missed()
        while True:
            await self.advance()
            await self._agenda.wait()

    def announce_missed(self) -> None:
        for batch in self.batches:
            if batch.terminal:
                self._tell(batch)

    async def advance(self) -> None:
        """Move every batch that is due one state on."""
        found = [self.batches.get(identity) for identity in self._agenda.take()]
        await asyncio.gather(*(self._step(batch) for batch in found if batch))

    async def _step(self, batch: Batch) -> None:
        if batch.due is None or batch.due > self._clock():
            return
        if batch.state == states.PENDING:
            await self._start(batch)
        else:
            await self._finish(batch)

    async def _start(self, batch: Batch) -> None:
        total = await asyncio.to_thread(self._count, batch) if batch.file_id else batch.total
        if batch.state != states.PENDING or batch.due is None:
            return
        batch.total = total
        batch.state = states.RUNNING
        batch.updated = self._clock()
        batch.due += self._schedule.running
        self.batches.save(batch)
        self._agenda.put(batch.id, batch.due)

    async def _finish(self, batch: Batch) -> None:
        try:
            counts = await asyncio.to_thread(self._compute, batch)
        except FileNotFoundError:
            self._end(batch, states.FAILED, _error("NOT_FOUND", "The input file is gone."))
            return
        except InvalidInput as error:
            self._end(batch, states.FAILED, _error("INVALID_ARGUMENT", str(error)))
            return
        if not batch.terminal:
            batch.succeeded, batch.failed = counts.succeeded, counts.failed
            batch.total = counts.succeeded + counts.failed
        self._end(batch, states.SUCCEEDED, None)

    def _source(self, batch: Batch) -> Path:
        """Find the requests; FileNotFoundError when their file was deleted or has expired."""
        if not batch.file_id:
            return self.batches.requests(batch)
        path = self._input_path(batch.project, batch.file_id)
        if path is None:
            raise FileNotFoundError(batch.file_id)
        return path

    def _count(self, batch: Batch) -> int | None:
        try:
            with self._source(batch).open("rb") as lines:
                return sum(1 for line in lines if line.strip())
        except FileNotFoundError:
            return None

    def _compute(self, batch: Batch) -> Counts:
        source = self._source(batch)
        with source.open("rb") as lines, replacing(self.batches.results(batch)) as output:
            return run(lines, output, kind=batch.kind, model=batch.model)

    def _end(self, batch: Batch, state: str, error: dict[str, Any] | None) -> None:
        if batch.terminal or self.batches.get(batch.id) is not batch:
            return
        now = self._clock()
        batch.state, batch.error = state, error
        batch.updated, batch.ended, batch.due = now, now, None
        batch.announced = not batch.uris
        self.batches.save(batch)
        self._tell(batch)

    def _tell(self, batch: Batch) -> None:
        """Announce an end; twice does no harm, because an event has one id for ever."""
        if not batch.announced:
            self._announce(batch)
            batch.announced = True
            self.batches.save(batch)


def _error(status: str, message: str) -> dict[str, Any]:
    return {"code": _CODES[status], "message": message}
