"""`spec.priority` below the administrator's limit."""

import pytest

from tests.integration.controller.conftest import NEVER
from tests.operator_process import Operator

SCHEDULE = NEVER
LIMIT = 10
CONTROLLER_ARGS = ("--max-priority", str(LIMIT))


@pytest.mark.parametrize(("asked", "sent"), [(2**63 - 1, LIMIT), (11, LIMIT), (3, 3), (-5, -5)])
def test_no_job_gets_a_higher_priority_than_the_administrator_allows(
    shared: Operator, name: str, asked: int, sent: int
) -> None:
    shared.submitted(name, priority=asked)
    [batch] = shared.batches_of(name)
    assert batch["priority"] == sent
    events = shared.kubectl("get", "events.events.k8s.io", "-o", "jsonpath={.items[*].note}")
    assert (f"Its priority is {LIMIT}" in events) or sent == asked
