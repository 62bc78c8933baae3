"""What this process has learnt about a job and no status holds. Losing it costs calls, not money."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gemini_operator.api.status import Attempt
from gemini_operator.controller.job import Job, Key
from gemini_operator.gemini.errors import GeminiError
from gemini_operator.gemini.remote import Summary

# Seconds between searches for one attempt.
SEARCH_DELAYS = (1.0, 2.0, 4.0, 8.0, 15.0)

# Seconds after a read that an event asked for and that found the batch still open (rule P18).
EVENT_REREADS = (2.0, 10.0, 60.0)


# Seconds after our own cancel at which the batch is read: no callback may come (rule P21).
CANCEL_READS = (2.0, 5.0, 15.0, 30.0)
CANCEL_READS_LATER = 60.0


# Seconds by which a time in a status may be too early: it is written without its fraction.
CUT_OFF = 1.0


@dataclass(frozen=True)
class ListSnapshot:
    """What one listing of the key's batches showed of a job.

    Args:
        begun: monotonic seconds at which the listing began.
        complete: whether every page was read.
        current: the batch of `status.batchName`, if it was listed.
        matches: for each recorded attempt id the batches that carry its token.
    """

    begun: float
    complete: bool
    current: Summary | None
    matches: Mapping[str, tuple[Summary, ...]]


@dataclass
class Search:
    """The search for the batch of an attempt whose outcome is unknown (rule P11)."""

    attempt_id: str
    begun: float
    grace_ends: float
    due: float = float("-inf")
    under_way: bool = False
    tries: int = 0
    complete: int = 0
    incomplete_in_a_row: int = 0
    last_complete_begun: float = float("-inf")

    def note(self, list_snapshot: ListSnapshot) -> None:
        """Count a listing that was made; one begun before the search cannot tell."""
        if list_snapshot.begun < self.begun:
            return
        if list_snapshot.complete:
            self.complete += 1
            self.incomplete_in_a_row = 0
            self.last_complete_begun = list_snapshot.begun
        else:
            self.incomplete_in_a_row += 1

    def ended(self, monotonic: float) -> None:
        """A listing is over, well or not: set when the next is due, and one as the grace ends."""
        self.under_way = False
        delay = SEARCH_DELAYS[min(self.tries, len(SEARCH_DELAYS) - 1)]
        self.tries += 1
        self.due = monotonic + delay
        if monotonic < self.grace_ends < self.due:
            self.due = self.grace_ends


@dataclass
class EventReads:
    """The reads that one event has caused so far."""

    event_id: str
    reads: int = 0
    due: float = float("-inf")


@dataclass
class Cancellation:
    """Our own cancel of a batch, and the looks at it that follow (rule P21)."""

    batch: str
    sent: float
    due: float
    reads: int = 0

    def note_read(self, monotonic: float) -> None:
        """A look that found it still open: set when the next is due."""
        self.reads += 1
        if self.reads < len(CANCEL_READS):
            self.due = self.sent + CANCEL_READS[self.reads]
        else:
            self.due = monotonic + CANCEL_READS_LATER


@dataclass(frozen=True)
class Refusal:
    """A definite "no" to the create of an attempt: nothing of it is at Google (rule P10).

    Args:
        attempt_id: the attempt that was refused.
        error: what Google said, or why nothing was sent.
        seconds: when to try again, where the job may be submitted later.
        in_a_row: refusals of this job without a batch between them, this one included.
        group: the key that was refused.
        until: monotonic seconds before which that key must not be tried for this job, whatever wakes it.
    """

    attempt_id: str
    error: GeminiError
    seconds: float
    in_a_row: int = 1
    group: str = ""
    until: float = float("-inf")

    def left(self, group: str, monotonic: float) -> float:
        """Seconds until the job may be tried again with the key `group`; at most 0 for now."""
        return self.until - monotonic if group == self.group else 0.0


@dataclass
class Facts:
    """The memory about one incarnation of an object."""

    uid: str
    search: Search | None = None
    list_snapshot: ListSnapshot | None = None
    missed_lists: int = 0
    event: EventReads | None = None
    cancel: Cancellation | None = None
    not_ours: frozenset[str] = field(default_factory=frozenset)
    refused: str | None = None
    refusal: Refusal | None = None
    retrying: bool = False
    listed: float = float("-inf")
    deleting_since: float | None = None
    contested_since: float | None = None
    unkept_until: float = float("-inf")
    no_list: bool = False
    """A listing was wanted, and Google has none of this kind; a read since takes it back."""

    def begin_search(
        self, attempt: Attempt, *, now: datetime, monotonic: float, timeout: float, grace: float
    ) -> Search:
        """The search for `attempt`, begun now if it is new to this process.

        The grace runs from the later of the attempt's start plus the create's timeout, and this
        moment, on the monotonic clock.
        """
        if self.search is None or self.search.attempt_id != attempt.id:
            still_open = attempt.start_time + timedelta(seconds=CUT_OFF + timeout) - now
            ends = monotonic + max(0.0, still_open.total_seconds()) + grace
            self.search = Search(attempt.id, monotonic, ends)
        return self.search

    def note_list_snapshot(self, list_snapshot: ListSnapshot, named: bool) -> None:
        """Remember the newest listing; count complete ones that lacked the named batch."""
        self.list_snapshot = list_snapshot
        if self.search is not None:
            self.search.note(list_snapshot)
        if list_snapshot.current is not None:
            self.missed_lists = 0
        elif list_snapshot.complete and named:
            self.missed_lists += 1

    def note_read(self, summary: Summary) -> None:
        """The batch was read: what an earlier listing showed of it must not come back."""
        if self.list_snapshot is not None and self.list_snapshot.current is not None:
            self.list_snapshot = replace(self.list_snapshot, current=summary)

    def note_rivals(self, any_: bool, monotonic: float) -> None:
        """Remember since when others claim the batch that the job wants to adopt."""
        if not any_:
            self.contested_since = None
        elif self.contested_since is None:
            self.contested_since = monotonic

    def note_cancel(self, batch: str, monotonic: float) -> None:
        """A cancel of `batch` was sent."""
        self.cancel = Cancellation(batch, monotonic, monotonic + CANCEL_READS[0])

    def note_listed(self, monotonic: float) -> None:
        """A listing for the job is over, well or not."""
        self.listed = monotonic
        if self.search is not None:
            self.search.ended(monotonic)

    def note_event_read(self, event_id: str, monotonic: float) -> None:
        """Count a read of the batch that `event_id` asked for and set when the next is due."""
        if self.event is None or self.event.event_id != event_id:
            self.event = EventReads(event_id)
        self.event.reads += 1
        if self.event.reads <= len(EVENT_REREADS):
            self.event.due = monotonic + EVENT_REREADS[self.event.reads - 1]


class Memory:
    """The facts about every job; another incarnation of a name starts with none."""

    def __init__(self) -> None:
        self._facts: dict[Key, Facts] = {}

    def of(self, job: Job) -> Facts:
        facts = self._facts.get(job.key)
        if facts is None or facts.uid != job.uid:
            facts = self._facts[job.key] = Facts(job.uid)
        return facts

    def forget(self, key: Key) -> None:
        self._facts.pop(key, None)
