"""Many batches of one API key end together, and Google answers some reads with 429."""

from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator

JOBS = ("one", "two", "three", "four")


@SLOW
def test_p18_every_read_beyond_the_rate_comes_in_its_turn(operator: Operator) -> None:
    operator.start("--max-reads-per-second-per-key", "1")
    batches = [operator.submitted(name) for name in JOBS]
    before = operator.emulator.requests("batches.get")
    operator.emulator.fault("batches.get", "status", status=429, count=1)
    for batch in batches:
        operator.emulator.job(batch, "succeed")
    for name in JOBS:
        operator.wait_complete(name, timeout=60)
    assert operator.emulator.requests("batches.get") - before == len(JOBS) + 1
