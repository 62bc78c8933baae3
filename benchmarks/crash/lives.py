"""The lives of a job, as data: acts in an order.

Whatever is killed on the way, every act ends as it says, or the life is lost.
"""

from dataclasses import dataclass

from benchmarks.crash.acts import (
    Act,
    adopting,
    applied,
    completed,
    deleted,
    ends,
    failed,
    gone,
    keys_rotated,
    older_than,
    patched,
    receiver_started,
    submitted,
    submitted_or_killed,
    suspended,
    waits_for_another_try,
)


@dataclass(frozen=True)
class Life:
    """
    The calls of `acts` are the steps of its table; the others are steps of another life.

    Args:
        creates: how many batches it takes.
    """

    name: str
    acts: tuple[Act, ...]
    before: tuple[Act, ...] = ()
    after: tuple[Act, ...] = ()
    creates: int = 1


RUNNING = (applied(), submitted)

DELETED_WHILE_RUNNING = Life("deleted while running", (deleted,), before=RUNNING)

SUSPENDED_AND_RESUMED = Life(
    "suspended and resumed",
    (patched(suspend=True), suspended, patched(suspend=False), submitted),
    before=RUNNING,
    after=(ends("succeed"), completed, deleted),
    creates=2,
)

OF_A_CONTROLLER = (
    Life("complete", (applied(), submitted, ends("succeed"), completed, deleted)),
    DELETED_WHILE_RUNNING,
    Life("deleted before it is submitted", (applied(), submitted_or_killed), after=(deleted,)),
    SUSPENDED_AND_RESUMED,
    Life(
        "shut down",
        (patched(shutdown="Cancel"), failed("Cancelled")),
        before=RUNNING,
        after=(deleted,),
    ),
    Life(
        "past its deadline",
        (patched(activeDeadlineSeconds=1), failed("DeadlineExceeded")),
        before=(*RUNNING, older_than(1.0)),
        after=(deleted,),
    ),
    Life(
        "failed at Google",
        (ends("fail"), failed("RemoteFailed", failures=1)),
        before=RUNNING,
        after=(deleted,),
    ),
    Life(
        "failed, to be tried again",
        (ends("fail"), waits_for_another_try),
        before=(applied(backoffLimit=1), submitted),
        after=(deleted,),
    ),
    Life(
        "deleted after its time to live",
        (patched(ttlSecondsAfterFinished=0), gone),
        before=(*RUNNING, ends("succeed"), completed),
    ),
    Life("adopted", (adopting, completed), after=(deleted,)),
)

# An object stays until the old leader has woken up.
OF_A_LEADER = (
    Life("complete", (applied(), submitted, ends("succeed"), completed), after=(deleted,)),
    DELETED_WHILE_RUNNING,
)

OF_A_RECEIVER = (
    Life(
        "called back",
        (receiver_started, applied(), submitted, keys_rotated, ends("succeed"), completed),
        after=(deleted,),
    ),
)
