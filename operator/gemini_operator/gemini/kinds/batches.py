"""Batches of the Gemini Developer API."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager

from google.genai import types
from google.genai.client import AsyncClient

from gemini_operator.api import names
from gemini_operator.base.nesting import Undecodable
from gemini_operator.base.work_thread import in_work_thread
from gemini_operator.gemini import classify, documents, errors
from gemini_operator.gemini.connection import GeminiConnection
from gemini_operator.gemini.kinds import batch_request, batch_resource
from gemini_operator.gemini.kinds.batch_listing import list_batches
from gemini_operator.gemini.kinds.results_answer import ResultsAnswer, undecodable
from gemini_operator.gemini.measure import measured
from gemini_operator.gemini.remote import Listing, Observation, Submission, Summary
from gemini_operator.gemini.result_items import ResultItems
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.gemini.transport import Exchange


class Batches:
    """The `remote.RemoteJob` of batches.

    Creates, cancels and deletes go through the SDK. Reads and lists do not: the SDK drops `error`
    and `batchStats`, and one odd batch makes it fail for the whole page.

    Args:
        connection: to Google, with one API key.
        sdk: uses that connection.
        settings: timeouts and limits.
        clock: monotonic seconds; limits how long a list takes.
    """

    def __init__(
        self,
        connection: GeminiConnection,
        sdk: AsyncClient,
        settings: GeminiSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._sdk = sdk
        self._settings = settings
        self._clock = clock

    async def submit(
        self, submission: Submission, *, may_send: Callable[[], bool] | None = None
    ) -> Summary:
        _check_submission(submission)
        call = "batches.create"
        with measured(call):
            return await self._submit(submission, call, may_send)

    async def _submit(
        self, submission: Submission, call: str, may_send: Callable[[], bool] | None
    ) -> Summary:
        answer = await self._connection.exchange(
            lambda: self._create(submission),
            Exchange(may_send=may_send),
            call=call,
            seconds=self._settings.create_timeout,
            creating=True,
        )
        # The answer is parsed here, as the SDK may fail to. A 200 that cannot be read does not
        # prove that nothing was created, so the outcome is unknown (P10).
        try:
            operation = documents.parse(answer.body)
        except Undecodable as error:
            raise errors.Ambiguous(f"{call}: Google's answer is {error}", status=200) from None
        name = batch_resource.name_of(operation)
        if name is None:
            raise errors.Ambiguous(f"{call}: Google's answer names no batch", status=200)
        return batch_resource.summary(operation, name)

    async def search(self) -> Listing:
        return await list_batches(self._connection, self._settings, self._clock)

    async def observe(self, name: str) -> Observation:
        call = "batches.get"
        _check(name)
        with measured(call):
            return await self._observe(name, call)

    async def _observe(self, name: str, call: str) -> Observation:
        answer = ResultsAnswer(call, self._settings.results_in_memory)
        async with self._answer(name, call) as pieces:
            async for piece in pieces:
                await answer.feed(piece)
        operation, in_memory = await answer.finish()
        _check_same(operation, name, call)
        return batch_resource.observation(operation, name, in_memory=in_memory)

    async def results(self, name: str) -> AsyncGenerator[list[bytes], None]:
        call = "batches.get"
        _check(name)
        items = ResultItems()
        with measured(call), undecodable(call):
            async with self._answer(name, call) as pieces:
                async for piece in pieces:
                    yield await in_work_thread(items.feed, piece)
            operation = documents.parse(items.finish())
        # It is read a second time, for its results.
        _check_same(operation, name, call)

    @asynccontextmanager
    async def _answer(self, name: str, call: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET a batch with its results, within the limits of size and time."""
        limit = self._settings.results_limit
        try:
            async with (
                asyncio.timeout(self._settings.results_timeout),
                self._connection.stream(name, call=call) as pieces,
                aclosing(_limited(pieces, limit)) as limited,
            ):
                yield limited
        except TimeoutError as error:
            raise classify.of_exception(error, call=call) from None

    async def cancel(self, name: str) -> None:
        await self._change(self._sdk.batches.cancel, name, "batches.cancel")

    async def delete(self, name: str) -> None:
        await self._change(self._sdk.batches.delete, name, "batches.delete")

    async def _change(self, method: Callable[..., Awaitable[object]], name: str, call: str) -> None:
        _check(name)
        with measured(call):
            await self._connection.exchange(
                lambda: method(name=name), Exchange(), call=call, seconds=self._settings.timeout
            )

    def _create(self, submission: Submission) -> Awaitable[object]:
        model = names.normalise_model(submission.model)
        options = batch_request.http_options(submission, self._settings.create_timeout)
        if submission.type == "EmbedContent":
            return self._sdk.batches.create_embeddings(
                model=model,
                src=batch_request.embeddings_source(submission),
                config=types.CreateEmbeddingsBatchJobConfig(http_options=options),
            )
        return self._sdk.batches.create(
            model=model,
            src=batch_request.source(submission),
            config=types.CreateBatchJobConfig(http_options=options),
        )


async def _limited(pieces: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    read = 0
    async for piece in pieces:
        read += len(piece)
        if read > limit:
            raise errors.TooLarge(f"Google's answer is larger than {limit} bytes", status=200)
        yield piece


def _check(name: str) -> None:
    if not names.matches(names.BATCH_NAME, name):
        raise errors.Rejected("not the name of a batch; nothing was sent")


def _check_same(operation: Mapping[str, object], name: str, call: str) -> None:
    """Make sure that another batch's state or results are not taken for this one's."""
    if batch_resource.name_of(operation) != name:
        raise errors.Unavailable(f"{call}: Google's answer is about another batch", status=200)


def _check_submission(submission: Submission) -> None:
    """Check the grammar of every name that becomes part of a path at Google (S3).

    Raises:
        errors.Rejected: a name has another grammar; nothing was sent.
    """
    if not names.matches(names.MODEL, submission.model):
        raise errors.Rejected("batches.create: not the name of a model; nothing was sent")
    if submission.file_name is not None and not names.matches(
        names.FILE_NAME, submission.file_name
    ):
        raise errors.Rejected("batches.create: not the name of a file; nothing was sent")
