"""The scenarios of a job, as data: steps in an order.

Whatever is killed on the way, every step ends as it says, or the scenario is lost.
"""

from dataclasses import dataclass

from tests.crash.steps import (
    Step,
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
class Scenario:
    """
    The calls of `steps` are the steps of its table; the others are steps of another scenario.

    Args:
        creates: how many batches it takes.
    """

    name: str
    steps: tuple[Step, ...]
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    creates: int = 1


RUNNING = (applied(), submitted)

DELETED_WHILE_RUNNING = Scenario("deleted while running", (deleted,), before=RUNNING)

SUSPENDED_AND_RESUMED = Scenario(
    "suspended and resumed",
    (patched(suspend=True), suspended, patched(suspend=False), submitted),
    before=RUNNING,
    after=(ends("succeed"), completed, deleted),
    creates=2,
)

OF_A_CONTROLLER = (
    Scenario("complete", (applied(), submitted, ends("succeed"), completed, deleted)),
    DELETED_WHILE_RUNNING,
    Scenario("deleted before it is submitted", (applied(), submitted_or_killed), after=(deleted,)),
    SUSPENDED_AND_RESUMED,
    Scenario(
        "shut down",
        (patched(shutdown="Cancel"), failed("Cancelled")),
        before=RUNNING,
        after=(deleted,),
    ),
    Scenario(
        "past its deadline",
        (patched(activeDeadlineSeconds=1), failed("DeadlineExceeded")),
        before=(*RUNNING, older_than(1.0)),
        after=(deleted,),
    ),
    Scenario(
        "failed at Google",
        (ends("fail"), failed("RemoteFailed", failures=1)),
        before=RUNNING,
        after=(deleted,),
    ),
    Scenario(
        "failed, to be tried again",
        (ends("fail"), waits_for_another_try),
        before=(applied(backoffLimit=1), submitted),
        after=(deleted,),
    ),
    Scenario(
        "deleted after its time to live",
        (patched(ttlSecondsAfterFinished=0), gone),
        before=(*RUNNING, ends("succeed"), completed),
    ),
    Scenario("adopted", (adopting, completed), after=(deleted,)),
)

# An object stays until the old leader has woken up.
OF_A_LEADER = (
    Scenario("complete", (applied(), submitted, ends("succeed"), completed), after=(deleted,)),
    DELETED_WHILE_RUNNING,
)

OF_A_RECEIVER = (
    Scenario(
        "called back",
        (receiver_started, applied(), submitted, keys_rotated, ends("succeed"), completed),
        after=(deleted,),
    ),
)
