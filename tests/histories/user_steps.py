"""Steps of users: they create, edit and delete jobs, and replace the Secret with the API key."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.histories.environment import BAD_KEY
from tests.histories.expected import ExpectedJob
from tests.histories.invariants import attempt_of
from tests.histories.state_machine import ANY, MOST_JOBS, HistoryStateMachine, Spec, specs
from tests.histories.steps import step

rarely = st.sampled_from([False, False, False, True])


class UserSteps(HistoryStateMachine):
    """Steps of users, whose requests always reach the API server."""

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @step(spec=specs())
    def create(self, *, spec: Spec) -> None:
        self.create_new(spec)

    @precondition(lambda self: 0 < len(self.jobs) < MOST_JOBS)
    @step(
        source=st.sampled_from(["by hand", "by hand", "another job's", "unknown"]),
        which=ANY,
        previous=st.booleans(),
        policy=st.sampled_from(["Delete", "Orphan"]),
        output=st.booleans(),
    )
    def adopt(self, *, source: str, which: int, previous: bool, policy: str, output: bool) -> None:
        other, batch = self.job(which), "batches/nobody-knows-it"
        job = ExpectedJob(self.new_name(), other.texts, by_hand=other.by_hand)
        if source == "by hand":
            job = ExpectedJob(self.new_name(), by_hand=True)
            batch = self.environment.google.submit("by hand", self.environment.key) or batch
        if source == "another job's":
            theirs = self.environment.google.batches_of(other.uid)
            batch = theirs[-1].name if theirs else batch
        terms = {"batchName": batch}
        if previous and other.uid:
            terms["previousUID"] = other.uid
        job.record_edit(
            adopt=terms,
            deletionPolicy=policy,
            output={"configMap": {"name": job.name}} if output else None,
        )
        self.apply(job)
        self.jobs.append(job)

    @precondition(lambda self: self.jobs)
    @step(which=ANY, on=st.booleans())
    def suspend(self, *, which: int, on: bool) -> None:
        self.change(self.job(which), suspend=on)

    @precondition(lambda self: self.jobs)
    @step(which=ANY)
    def shut_down(self, *, which: int) -> None:
        self.change(self.job(which), shutdown="Cancel")

    @precondition(lambda self: self.jobs)
    @step(which=ANY, seconds=st.sampled_from([1, 3, None]), retries=st.sampled_from([0, 1]))
    def edit_limits(self, *, which: int, seconds: int | None, retries: int) -> None:
        job = self.job(which)
        self.change(job, activeDeadlineSeconds=seconds)
        self.change(job, backoffLimit=retries)

    @precondition(lambda self: self.jobs)
    @step(which=ANY, policy=st.sampled_from(["Delete", "Orphan"]))
    def edit_policy(self, *, which: int, policy: str) -> None:
        job = self.job(which)
        if not (job.deleted or job.has_ttl):
            self.change(job, deletionPolicy=policy)

    @precondition(lambda self: self.jobs)
    @step(which=ANY)
    def refresh(self, *, which: int) -> None:
        self.environment.client.annotate(self.job(which).name, requested_at=str(len(self.lines)))

    @precondition(lambda self: self.jobs)
    @step(which=ANY, how=st.sampled_from(["Resubmit", "the batch", "another's batch"]), of=ANY)
    def resolve(self, *, which: int, how: str, of: int) -> None:
        """Annotate a job as for an ambiguous create, though no job has asked for it."""
        job = self.job(which)
        attempt = attempt_of(self.environment.client.get(job.name) or {}).get("id")
        owner = job if how == "the batch" else self.job(of)
        theirs = self.environment.google.batches_of(owner.uid)
        if how == "Resubmit" and attempt:
            job.resubmitted.add(attempt)
            self.environment.client.annotate(job.name, resolve_submission=f"Resubmit:{attempt}")
        elif theirs:
            self.environment.client.annotate(job.name, resolve_submission=theirs[-1].name)

    @precondition(lambda self: self.jobs)
    @step(which=ANY, force=rarely)
    def delete(self, *, which: int, force: bool) -> None:
        job = self.job(which)
        job.forced |= force
        if force:
            self.environment.client.annotate(job.name, force_delete="true")
        self.environment.client.delete(job.name)
        job.deleted = True

    @precondition(lambda self: self.jobs)
    @step(which=ANY)
    def create_again(self, *, which: int) -> None:
        """Create another job with the name of a deleted one, once that is gone."""
        old = self.job(which)
        if old.adopts or not old.uid or not old.deleted:
            return
        new = ExpectedJob(old.name, old.texts)
        if self.apply(new):
            self.replaced.append(old)
            self.jobs[self.jobs.index(old)] = new

    # Keys

    @step(what=st.sampled_from(["bad", "gone", "rotated", "back"]))
    def key(self, *, what: str) -> None:
        match what:
            case "bad":
                self.environment.client.put_key(BAD_KEY)
            case "gone":
                self.environment.client.delete_key()
            case "rotated":
                self.environment.rotate_key(str(len(self.lines) % 10))
            case _:
                self.environment.client.put_key(self.environment.key)
