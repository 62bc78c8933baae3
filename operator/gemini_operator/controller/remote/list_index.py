"""What one list of an API key's batches shows of each job of that key."""

from collections import defaultdict
from collections.abc import Callable

from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import attempts, ownership
from gemini_operator.controller.memory import ListSnapshot
from gemini_operator.gemini.remote import Listing, Summary
from gemini_operator.gemini.tokens import Token, token_of


class ListIndex:
    """A list of batches, indexed by name and by token.

    Args:
        listing: the batches.
        fingerprint: returns, for a job's uid, the fingerprint of the API key they were listed with.
    """

    def __init__(self, listing: Listing, fingerprint: Callable[[str], str]) -> None:
        self._complete = listing.complete
        self._fingerprint = fingerprint
        self._by_name = {batch.name: batch for batch in listing.batches}
        self._by_token: dict[Token, list[Summary]] = defaultdict(list)
        for batch in listing.batches:
            if batch.token is not None:
                self._by_token[batch.token].append(batch)

    def list_snapshot(self, job: Job, begun: float) -> ListSnapshot:
        """Return what the list shows of `job`.

        Args:
            job: the job; a batch that is not its own is left out.
            begun: monotonic seconds at which the list began.
        """
        current = self._by_name.get(job.status.batch_name or "")
        if current is not None and not ownership.owns(job, current):
            current = None
        return ListSnapshot(
            begun=begun,
            complete=self._complete,
            current=current,
            matches={
                an_id: tuple(self._by_token.get(token_of(job.uid, an_id), ()))
                for an_id in ownership.recorded_ids(job)
            },
            other_key=self._other_key(job),
        )

    def _other_key(self, job: Job) -> frozenset[str]:
        """Return the ids of attempts of unknown outcome that were sent with another API key."""
        # A status without a fingerprint is of an operator that recorded none.
        recorded = {
            attempt.id: attempt.api_key_fingerprint
            for attempt in attempts.unknown(job)
            if attempt.api_key_fingerprint is not None
        }
        # Most jobs have none, and a sweep of ten thousand must not compute a digest for each.
        if not recorded:
            return frozenset()
        own = self._fingerprint(job.uid)
        return frozenset(an_id for an_id, theirs in recorded.items() if theirs != own)
