"""What users do: they create, edit and delete jobs, and replace the Secret with the API key."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.integration.history.laws import attempt_of
from tests.integration.history.scene import ANY, MOST_JOBS, Scene, Spec, specs
from tests.integration.history.steps import step
from tests.integration.history.wish import Wish
from tests.integration.history.world import BAD_KEY

rarely = st.sampled_from([False, False, False, True])


class Users(Scene):
    """Their edits are not held up by any trouble."""

    @precondition(lambda self: len(self.wishes) < MOST_JOBS)
    @step(spec=specs())
    def create(self, *, spec: Spec) -> None:
        self.create_new(spec)

    @precondition(lambda self: 0 < len(self.wishes) < MOST_JOBS)
    @step(
        source=st.sampled_from(["by hand", "by hand", "another job's", "unknown"]),
        which=ANY,
        previous=st.booleans(),
        policy=st.sampled_from(["Delete", "Orphan"]),
        output=st.booleans(),
    )
    def adopt(self, *, source: str, which: int, previous: bool, policy: str, output: bool) -> None:
        other, batch = self.job(which), "batches/nobody-knows-it"
        wish = Wish(self.new_name(), other.texts, by_hand=other.by_hand)
        if source == "by hand":
            wish = Wish(self.new_name(), by_hand=True)
            batch = self.world.google.submit("by hand", self.world.key) or batch
        if source == "another job's":
            theirs = self.world.google.of(other.uid)
            batch = theirs[-1].name if theirs else batch
        terms = {"batchName": batch}
        if previous and other.uid:
            terms["previousUID"] = other.uid
        wish.asked(
            adopt=terms,
            deletionPolicy=policy,
            output={"configMap": {"name": wish.name}} if output else None,
        )
        self.apply(wish)
        self.wishes.append(wish)

    @precondition(lambda self: self.wishes)
    @step(which=ANY, on=st.booleans())
    def suspend(self, *, which: int, on: bool) -> None:
        self.change(self.job(which), suspend=on)

    @precondition(lambda self: self.wishes)
    @step(which=ANY)
    def shut_down(self, *, which: int) -> None:
        self.change(self.job(which), shutdown="Cancel")

    @precondition(lambda self: self.wishes)
    @step(which=ANY, seconds=st.sampled_from([1, 3, None]), retries=st.sampled_from([0, 1]))
    def edit_limits(self, *, which: int, seconds: int | None, retries: int) -> None:
        wish = self.job(which)
        self.change(wish, activeDeadlineSeconds=seconds)
        self.change(wish, backoffLimit=retries)

    @precondition(lambda self: self.wishes)
    @step(which=ANY, policy=st.sampled_from(["Delete", "Orphan"]))
    def edit_policy(self, *, which: int, policy: str) -> None:
        wish = self.job(which)
        if not (wish.deleted or wish.short_lived):
            self.change(wish, deletionPolicy=policy)

    @precondition(lambda self: self.wishes)
    @step(which=ANY)
    def refresh(self, *, which: int) -> None:
        self.world.user.annotate(self.job(which).name, requested_at=str(len(self.lines)))

    @precondition(lambda self: self.wishes)
    @step(which=ANY, how=st.sampled_from(["Resubmit", "the batch", "another's batch"]), of=ANY)
    def resolve(self, *, which: int, how: str, of: int) -> None:
        """The ways out of an ambiguity, taken though nobody has asked for it."""
        wish = self.job(which)
        attempt = attempt_of(self.world.user.get(wish.name) or {}).get("id")
        owner = wish if how == "the batch" else self.job(of)
        theirs = self.world.google.of(owner.uid)
        if how == "Resubmit" and attempt:
            wish.resubmitted.add(attempt)
            self.world.user.annotate(wish.name, resolve_submission=f"Resubmit:{attempt}")
        elif theirs:
            self.world.user.annotate(wish.name, resolve_submission=theirs[-1].name)

    @precondition(lambda self: self.wishes)
    @step(which=ANY, force=rarely)
    def delete(self, *, which: int, force: bool) -> None:
        wish = self.job(which)
        wish.forced |= force
        if force:
            self.world.user.annotate(wish.name, force_delete="true")
        self.world.user.delete(wish.name)
        wish.deleted = True

    @precondition(lambda self: self.wishes)
    @step(which=ANY)
    def create_again(self, *, which: int) -> None:
        """Another object with the same name, once the first is gone."""
        old = self.job(which)
        if old.adopts or not old.uid or not old.deleted:
            return
        new = Wish(old.name, old.texts)
        if self.apply(new):
            self.past.append(old)
            self.wishes[self.wishes.index(old)] = new

    # Keys

    @step(what=st.sampled_from(["bad", "gone", "rotated", "back"]))
    def key(self, *, what: str) -> None:
        match what:
            case "bad":
                self.world.user.put_key(BAD_KEY)
            case "gone":
                self.world.user.delete_key()
            case "rotated":
                self.world.rotate_key(str(len(self.lines) % 10))
            case _:
                self.world.user.put_key(self.world.key)
