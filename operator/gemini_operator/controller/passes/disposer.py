"""Cancel and delete at Google, never anything that is not the job's own (rules S7, P21)."""

from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.ownership import owns
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Listing, Summary
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


async def dispose(client: GeminiClient, job: Job, name: str) -> bool:
    """
    Cancel and delete the batch `name` after comparing its token; gone already is done.

    Returns:
        Whether the batch was there.

    Raises:
        gemini_operator.gemini.errors.GeminiError: Google did not do it; disposing again is safe.
    """
    summary = await look(client, name)
    if summary is None or not _may_touch(job, summary):
        return False
    if not summary.terminal:
        await _cancel(client, name)
    try:
        await client.batches.delete(name)
    except errors.NotFound:
        log.debug("the batch is deleted already", batch=name)
    return True


async def cancel(client: GeminiClient, job: Job, name: str) -> None:
    """
    Cancel the batch `name` after comparing its token; one that has ended or is gone needs none.

    Raises:
        gemini_operator.gemini.errors.GeminiError: Google did not do it; cancelling again is safe.
    """
    summary = await look(client, name)
    if summary is not None and not summary.terminal and _may_touch(job, summary):
        await _cancel(client, name)


async def look(client: GeminiClient, name: str) -> Summary | None:
    """
    The batch without its results, `None` if this key knows no such batch.

    Raises:
        gemini_operator.gemini.errors.GeminiError: no answer for now; looking again is safe.
    """
    try:
        return (await client.batches.observe(name)).summary
    except errors.NotFound:
        return None
    except errors.TooLarge:
        listing = await client.batches.search()
    if isinstance(listing, Listing):
        for summary in listing.batches:
            if summary.name == name:
                return summary
    raise errors.Unavailable(f"{name} is too large to be read and not in Google's list")


def _may_touch(job: Job, summary: Summary) -> bool:
    if owns(job, summary):
        return True
    log.error(
        "a batch is not this job's and is left alone",
        namespace=job.key.namespace,
        name=job.key.name,
        batch=summary.name,
    )
    return False


async def _cancel(client: GeminiClient, name: str) -> None:
    try:
        await client.batches.cancel(name)
    except (errors.NotFound, errors.Rejected):
        log.debug("the batch has ended already", batch=name)
