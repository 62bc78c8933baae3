"""The first step of a pass: read the batch, if there is a reason to."""

from gemini_operator.controller.job import KeyRef
from gemini_operator.controller.lifecycle import observation
from gemini_operator.controller.lifecycle.snapshot import Gone, Remote, Seen, Snapshot, Unreadable
from gemini_operator.controller.remote.api_keys import ApiKey, ApiKeys
from gemini_operator.controller.remote.call_limit import CallLimit
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.gemini import errors


class Observer:
    """Reads batches within the budget and remembers that it did."""

    def __init__(self, api_keys: ApiKeys, budget: ReadBudget, calls: CallLimit) -> None:
        self._calls = calls
        self._api_keys = api_keys
        self._budget = budget

    async def observe(self, snapshot: Snapshot, ref: KeyRef) -> Remote | None:
        """
        The batch that the view has a reason to read; `None` without a reason.

        Raises:
            CredentialsProblem: there is no usable key.
            Busy: others of the key or the namespace are being read.
            Delayed: the budget asks to wait.
            KubeError, GeminiError: no answer for now; reading again is safe.
        """
        name = observation.wanted(snapshot)
        if name is None:
            return None
        api_key = await self._api_keys.resolve(ref)
        self._calls.enter(snapshot.job.key, api_key.key_id)
        self._budget.take(api_key.key_id, snapshot.job.key)
        remote = await _read(snapshot, api_key, name)
        _remember(snapshot, remote, name)
        return remote


async def _read(snapshot: Snapshot, api_key: ApiKey, name: str) -> Remote:
    try:
        return Seen(await api_key.client.batches.observe(name))
    except errors.NotFound:
        attempt = snapshot.status.attempt
        recorded = attempt.api_key_fingerprint if attempt else None
        return Gone(same_key=recorded in (None, api_key.fingerprint(snapshot.job.uid)))
    except (errors.CredentialsRejected, errors.TooLarge) as error:
        return Unreadable(error)


def _remember(snapshot: Snapshot, remote: Remote, name: str) -> None:
    facts, attempt = snapshot.facts, snapshot.status.attempt
    event = observation.pending_event(snapshot)
    if event is not None:
        facts.note_event_read(event.id, snapshot.monotonic)
    facts.missed_lists, facts.no_list = 0, False
    if facts.cancel is not None and facts.cancel.due <= snapshot.monotonic:
        facts.cancel.note_read(snapshot.monotonic)
    if isinstance(remote, Seen):
        facts.note_read(remote.summary)
    if attempt is None or attempt.batch_name is not None:
        return
    if not (isinstance(remote, Seen) and observation.confirmed(snapshot, remote.summary)):
        facts.not_ours |= {name}
