"""What the steps of a history share: the world, the jobs so far, and how a job is asked for."""

import time
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tests.integration.history.wish import Deeds, Wish
from tests.integration.history.world import World

MOST_JOBS = 4

ANY = st.integers(0, 11)
"""Which of the jobs, batches or events that there are, modulo their number."""

Spec = dict[str, Any]


def specs() -> st.SearchStrategy[Spec]:
    """Of a job with inline requests; a TTL needs a place for the results."""
    return st.fixed_dictionaries(
        {
            "texts": st.sampled_from(
                [("Say one.",), ("Say one.", "[[fail]] two"), ("a", "b", "c")]
            ),
            "suspend": st.sampled_from([None, None, None, True]),
            "output": st.sampled_from([None, {}]),
            "backoffLimit": st.sampled_from([None, None, None, 1]),
            "activeDeadlineSeconds": st.sampled_from([None, None, None, 2]),
            "deletionPolicy": st.sampled_from([None, None, "Delete", "Orphan"]),
            "ttlSecondsAfterFinished": st.sampled_from([None, None, None, 0, 1]),
        }
    )


class Scene(RuleBasedStateMachine):
    """
    Without rules; they come with those who act.

    What may be drawn next depends on earlier steps only, never on what the processes have done.
    """

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.number = self.world.begin()
        self.wishes: list[Wish] = []
        self.past: list[Wish] = []
        self.deeds = Deeds()
        self.lines: list[str] = []
        self.begun = time.monotonic()

    def tell(self, line: str) -> None:
        self.lines.append(f"{time.monotonic() - self.begun:6.2f}  {line}")

    def job(self, which: int) -> Wish:
        return self.wishes[which % len(self.wishes)]

    def new_name(self) -> str:
        return f"h{self.number}-{len(self.wishes)}"

    def create_new(self, spec: Spec) -> None:
        texts, wanted = spec["texts"], {k: v for k, v in spec.items() if k != "texts"}
        wish = Wish(self.new_name(), texts)
        wish.asked(**wanted)
        if wanted["output"] is not None:
            wish.asked(output={"configMap": {"name": wish.name}})
        elif not wish.orphan:
            wish.asked(ttlSecondsAfterFinished=None)
        self.apply(wish)
        self.wishes.append(wish)

    def apply(self, wish: Wish) -> bool:
        """Whether the API server takes it."""
        body = self.world.user.create(wish.manifest())
        if body is not None:
            wish.uid = body["metadata"]["uid"]
        return body is not None

    def change(self, wish: Wish, **spec: object) -> None:
        """A finished job, or one that is being deleted, takes edits too; some are refused."""
        if self.world.user.patch(wish.name, spec=spec) is not None:
            wish.asked(**spec)
