"""Reads of one batch: for the decision of a reconcile, and before a batch is touched."""

import asyncio

from gemini_operator.base.logs import get_logger
from gemini_operator.controller.lifecycle import observation
from gemini_operator.controller.lifecycle.snapshot import (
    Gone,
    Remote,
    Seen,
    Snapshot,
    Unanswered,
    Unreadable,
)
from gemini_operator.controller.remote.access import RemoteAccess
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Listing, Observation, Summary

log = get_logger(__name__)


async def observe(snapshot: Snapshot, access: RemoteAccess) -> Remote | None:
    """Read the job's batch if there is a reason to, and remember that it was read.

    Returns:
        The result; `None` without a reason to read.

    Raises:
        CredentialsProblem: there is no usable key.
        Busy: other jobs of the key or the namespace are calling Google.
        Delayed: the read budget is used up.
        KubeError: the API server did not answer.
        NotSent: this process may no longer act.
    """
    name = observation.wanted(snapshot)
    if name is None:
        return None
    api_key = await access.enter_read(snapshot.job)
    snapshot.facts.note_key_found()
    begun = asyncio.get_running_loop().time()
    try:
        remote = await _read(snapshot, access, api_key, name)
    except errors.NotSent:
        # This process may no longer act.
        raise
    except errors.GeminiError as error:
        # An exception would keep the policies that need no answer from being asked.
        snapshot.facts.note_failed_call(asyncio.get_running_loop().time() - begun)
        log.warning("a read of a batch failed", **snapshot.job.key._asdict(), error=str(error))
        return Unanswered(error)
    _remember(snapshot, remote, name)
    return remote


async def look(client: GeminiClient, name: str) -> Summary | None:
    """Return the batch without its results; `None` if Google shows this key no such batch.

    Raises:
        gemini_operator.gemini.errors.GeminiError: no answer for now; reading again is safe.
    """
    observation = await look_at_results(client, name)
    return None if observation is None else observation.summary


async def look_at_results(client: GeminiClient, name: str) -> Observation | None:
    """As `look`, but with what the batch says of its results.

    Raises:
        gemini_operator.gemini.errors.GeminiError: no answer for now; reading again is safe.
    """
    try:
        return await client.batches.observe(name)
    except errors.NotFound:
        return None
    except errors.TooLarge:
        # A read includes inline results, a list does not.
        return Observation(await _listed(client, name), too_large=True)


async def look_anyhow(
    client: GeminiClient, name: str, known: Summary | None = None
) -> Observation | None:
    """As `look_at_results`, but what a list shows will do if the batch cannot be read.

    Whose a batch is never changes, so an old list is as good as a new one for that.

    Args:
        client: of the job's API key.
        name: of the batch.
        known: what the last list showed of it.

    Raises:
        gemini_operator.gemini.errors.GeminiError: no answer for now; reading again is safe.
    """
    try:
        return await look_at_results(client, name)
    except errors.Unavailable:
        return Observation(known or await _listed(client, name))


async def _listed(client: GeminiClient, name: str) -> Summary:
    listing = await client.batches.search()
    if isinstance(listing, Listing):
        for summary in listing.batches:
            if summary.name == name:
                return summary
    raise errors.Unavailable(f"{name} cannot be read and is not in Google's list")


async def _read(snapshot: Snapshot, access: RemoteAccess, api_key: ApiKey, name: str) -> Remote:
    try:
        return Seen(await access.read(api_key, name))
    except errors.NotFound:
        return Gone(same_key=not api_key.differs(snapshot.job))
    except (errors.CredentialsRejected, errors.TooLarge) as error:
        return Unreadable(error)


def _remember(snapshot: Snapshot, remote: Remote, name: str) -> None:
    facts, attempt = snapshot.facts, snapshot.status.attempt
    event = observation.pending_event(snapshot)
    if event is not None:
        facts.note_event_read(event.id, snapshot.monotonic)
    # The read answers the question that missing lists raise; it counts from here on.
    facts.missed_lists, facts.no_list = 0, False
    # Google has answered with the key that is in the Secret now; a list may be older.
    facts.key_problem = None
    if facts.cancel is not None and facts.cancel.due <= snapshot.monotonic:
        facts.cancel.note_read(snapshot.monotonic)
    facts.failed_calls = 0
    if isinstance(remote, Seen):
        facts.note_read(remote.summary)
    if attempt is None or attempt.batch_name is not None:
        return
    # An event named this batch, and it is not the attempt's: later events must not have it read
    # again and again. A rejected or another API key says nothing about the batch.
    disproved = (
        not observation.confirmed(snapshot, remote.summary)
        if isinstance(remote, Seen)
        else remote == Gone(same_key=True)
    )
    if disproved:
        facts.not_ours |= {name}
