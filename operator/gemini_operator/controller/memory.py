"""Facts about jobs that live in memory only. A restart loses them, which costs requests, not money.

Everything that guards money is in the status (decision 0005).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.controller.job import Job, Key
from gemini_operator.gemini.errors import GeminiError
from gemini_operator.gemini.remote import Summary

# Seconds between lists in the search for one attempt; the last one repeats.
SEARCH_DELAYS = (1.0, 2.0, 4.0, 8.0, 15.0)

# Seconds until the batch is read again after an event of its end, while Google shows it open (P18).
EVENT_REREADS = (2.0, 10.0, 60.0)

# Seconds after our own cancel at which the batch is read, since a callback may not come (P21).
CANCEL_READS = (2.0, 5.0, 15.0, 30.0)
# Seconds between the reads after those.
CANCEL_READS_LATER = 60.0

# Seconds after which one failed call is enough to say that Google does not answer.
LONG_CALL = 10.0

# Seconds by which a time in a status may be too early, as it is written without its fraction.
CUT_OFF = 1.0


@dataclass(frozen=True)
class ListSnapshot:
    """What one list of the key's batches showed of a job.

    Args:
        begun: monotonic seconds at which the list began.
        complete: whether every page was read.
        current: the batch of `status.batchName`, if it was listed.
        matches: for each recorded attempt id the batches that carry its token.
        other_key: ids of attempts of unknown outcome that were sent with another API key than the
            list's. If their batches are not listed, that proves nothing: they may be in another
            project (S11).
    """

    begun: float
    complete: bool
    current: Summary | None
    matches: Mapping[str, tuple[Summary, ...]]
    other_key: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KeyProblem:
    """Why the job's batches cannot be listed with the API key in its Secret.

    Args:
        reason: `CredentialsMissing`, or `CredentialsRejected` if Google refused the key.
        message: what is wrong with the Secret, or Google's words.
    """

    reason: Reason
    message: str


@dataclass
class Search:
    """The search for the batch of an attempt whose outcome is unknown (P11).

    Only lists with the attempt's own API key are counted: another key may be of another project,
    whose lists lack the batch in any case (S11).

    All times are monotonic seconds.

    Args:
        attempt_id: the attempt.
        begun: when the search began.
        grace_ends: from then on Google's list must show the batch, if there is one.
        due: when the next list is due.
        under_way: a list was asked for and has not ended.
        tries: lists that ended, well or not.
        complete: complete lists.
        incomplete_in_a_row: incomplete lists since the last complete one.
        last_complete_begun: when the last complete list began.
        other_key_begun: when the last list began, if that was made with another API key.
    """

    attempt_id: str
    begun: float
    grace_ends: float
    due: float = float("-inf")
    under_way: bool = False
    tries: int = 0
    complete: int = 0
    incomplete_in_a_row: int = 0
    last_complete_begun: float = float("-inf")
    other_key_begun: float = float("-inf")

    def note(self, list_snapshot: ListSnapshot) -> None:
        """Count a list that ended."""
        # A list that began before the search may have passed the batch's page before the create.
        if list_snapshot.begun < self.begun:
            return
        if self.attempt_id in list_snapshot.other_key:
            self.other_key_begun = list_snapshot.begun
            return
        self.other_key_begun = float("-inf")
        if list_snapshot.complete:
            self.complete += 1
            self.incomplete_in_a_row = 0
            self.last_complete_begun = list_snapshot.begun
        else:
            self.incomplete_in_a_row += 1

    def ended(self, monotonic: float) -> None:
        """Schedule the next list after one that ended, well or not."""
        self.under_way = False
        delay = SEARCH_DELAYS[min(self.tries, len(SEARCH_DELAYS) - 1)]
        self.tries += 1
        self.due = monotonic + delay
        # One list right at the end of the grace, since it may be the one that settles the search.
        if monotonic < self.grace_ends < self.due:
            self.due = self.grace_ends


@dataclass
class EventReads:
    """The reads of the batch for one event.

    Args:
        event_id: the event.
        reads: how many there were.
        due: monotonic seconds of the next one.
    """

    event_id: str
    reads: int = 0
    due: float = float("-inf")


@dataclass
class Cancellation:
    """Our own cancel of a batch, and the reads that follow (P21); times in monotonic seconds.

    Args:
        batch: the name of the batch.
        sent: when the cancel was sent.
        due: when the next read is due.
        reads: reads since then.
    """

    batch: str
    sent: float
    due: float
    reads: int = 0

    def note_read(self, monotonic: float) -> None:
        """Count a read and schedule the next one."""
        self.reads += 1
        if self.reads < len(CANCEL_READS):
            self.due = self.sent + CANCEL_READS[self.reads]
        else:
            self.due = monotonic + CANCEL_READS_LATER


@dataclass(frozen=True)
class Refusal:
    """A definite refusal of a create: the attempt has no batch (P10).

    Args:
        attempt_id: the attempt.
        error: Google's answer, or why nothing was sent.
        seconds: until the next try, if the job may be submitted later.
        in_a_row: refusals of this job without a batch in between, this one included.
        group: the id of the API key that the create was sent with.
        until: monotonic seconds before which this job must not be submitted with that key, even if
            something requeues it.
    """

    attempt_id: str
    error: GeminiError
    seconds: float
    in_a_row: int = 1
    key_id: str = ""
    until: float = float("-inf")

    def left(self, key_id: str, monotonic: float) -> float:
        """Return the seconds until the job may be submitted with the key `group`; at most 0: now.

        A new key in the Secret is tried at once.
        """
        return self.until - monotonic if key_id == self.key_id else 0.0


@dataclass
class Facts:
    """The facts about one object; times in monotonic seconds.

    Args:
        uid: of the object; another object of the same name has facts of its own.
        search: for the current attempt's batch; `None` if its name is known.
        list_snapshot: the last list, as far as it concerns the job.
        missed_lists: complete lists in a row that lacked the job's batch.
        event: the reads for the last event.
        cancel: our own cancel of the batch.
        not_ours: names of batches that events named and reads disproved.
        key_problem: what was wrong with the API key when it was last needed for a list.
        listed_with: the id of the API key that the last list was asked for with; empty if none was,
            or if it failed.
        key_differs: the last list lacked the batch, and was made with another key than the batch.
        unlisted: why the last list for the job failed otherwise.
        failed_calls: calls to Google in a row that failed for no reason of the job's own.
        unknown_create: the id of an attempt and why the outcome of its create is unknown.
        refusal: the last definite refusal of a create.
        retrying: the last write asked for the job's back-off, so its failures are not forgotten.
        listed: when the last list for the job ended.
        deleting_since: when this process first saw the deletion.
        keyless_since: since when its deletion has no usable API key.
        contested_since: since when other jobs claim the batch that the job wants to adopt.
        unkept_until: no reconcile before then, because the API server did not keep a write.
    """

    uid: str
    search: Search | None = None
    list_snapshot: ListSnapshot | None = None
    missed_lists: int = 0
    event: EventReads | None = None
    cancel: Cancellation | None = None
    not_ours: frozenset[str] = field(default_factory=frozenset)
    key_problem: KeyProblem | None = None
    listed_with: str = ""
    key_differs: bool = False
    unlisted: GeminiError | None = None
    failed_calls: int = 0
    unknown_create: tuple[str, str] | None = None
    refusal: Refusal | None = None
    retrying: bool = False
    listed: float = float("-inf")
    deleting_since: float | None = None
    keyless_since: float | None = None
    contested_since: float | None = None
    unkept_until: float = float("-inf")
    file_doubted: bool = False
    """Google did not find the uploaded input when its batch was to be created."""
    upload_refusal: Refusal | None = None
    """Google did not take the upload of the input."""
    upload_key: str = ""
    """The id of the API key that the input was last uploaded with."""
    late_since: float | None = None
    """Since when Google does not show the results of a batch that succeeded."""
    no_list: bool = False
    """Google has no list of this kind of job. Reset by every read of the batch."""

    @property
    def refused(self) -> str | None:
        """Google's words, if it refused the API key at the last list."""
        problem = self.key_problem
        rejected = problem is not None and problem.reason is Reason.CREDENTIALS_REJECTED
        return problem.message if problem is not None and rejected else None

    def note_key_found(self) -> None:
        """Remember that the Secret has a usable API key; whether Google accepts it is not known."""
        if self.refused is None:
            self.key_problem = None

    def note_failed_call(self, seconds: float) -> None:
        """Count a call that failed after `seconds`; a long one counts for two."""
        self.failed_calls += 2 if seconds >= LONG_CALL else 1

    def begin_search(
        self, attempt: Attempt, *, now: datetime, monotonic: float, timeout: float, grace: float
    ) -> Search:
        """Return the search for `attempt`; begin one if it is new to this process.

        The grace begins when the create can no longer be under way: now, or `timeout` seconds after
        the attempt's start, whichever is later.

        Args:
            attempt: its outcome is unknown.
            now: wall-clock time, to compare with the attempt's start.
            monotonic: the same moment in monotonic seconds.
            timeout: seconds after which a create is abandoned.
            grace: seconds for which Google's list may miss a new batch.
        """
        if self.search is None or self.search.attempt_id != attempt.id:
            still_open = attempt.start_time + timedelta(seconds=CUT_OFF + timeout) - now
            ends = monotonic + max(0.0, still_open.total_seconds()) + grace
            self.search = Search(attempt.id, monotonic, ends)
        return self.search

    def note_list_snapshot(self, list_snapshot: ListSnapshot, named: bool) -> None:
        """Remember the newest list, and count complete ones that lack the job's batch.

        Args:
            list_snapshot: what the list shows of the job.
            named: the name of the job's batch is known.
        """
        self.list_snapshot = list_snapshot
        if self.search is not None:
            self.search.note(list_snapshot)
        if list_snapshot.current is not None:
            self.missed_lists = 0
        elif list_snapshot.complete and named:
            self.missed_lists += 1

    def note_read(self, summary: Summary) -> None:
        """Put what a read showed into the last list, so that its older state does not come back."""
        if self.list_snapshot is not None and self.list_snapshot.current is not None:
            self.list_snapshot = replace(self.list_snapshot, current=summary)

    def note_rivals(self, any_: bool, monotonic: float) -> None:
        """Remember since when other jobs claim the batch that the job wants to adopt."""
        if not any_:
            self.contested_since = None
        elif self.contested_since is None:
            self.contested_since = monotonic

    def note_cancel(self, batch: str, monotonic: float) -> None:
        """Remember that a cancel of `batch` was sent."""
        self.cancel = Cancellation(batch, monotonic, monotonic + CANCEL_READS[0])

    def note_listed(self, monotonic: float) -> None:
        """Remember that a list for the job ended, well or not."""
        self.listed = monotonic
        if self.search is not None:
            self.search.ended(monotonic)

    def note_event_read(self, event_id: str, monotonic: float) -> None:
        """Count a read of the batch for `event_id`, and schedule the next one."""
        if self.event is None or self.event.event_id != event_id:
            self.event = EventReads(event_id)
        self.event.reads += 1
        if self.event.reads <= len(EVENT_REREADS):
            self.event.due = monotonic + EVENT_REREADS[self.event.reads - 1]


class Memory:
    """The facts about all jobs. A new object under an old name starts without any."""

    def __init__(self) -> None:
        self._facts: dict[Key, Facts] = {}

    def of(self, job: Job) -> Facts:
        facts = self._facts.get(job.key)
        if facts is None or facts.uid != job.uid:
            facts = self._facts[job.key] = Facts(job.uid)
        return facts

    def forget(self, key: Key) -> None:
        self._facts.pop(key, None)
