"""One look at a batch, for whoever wants to know what it is before touching it."""

from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Listing, Summary


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
