"""`ttlSecondsAfterFinished`: the object goes, the results stay (rule P24)."""

from tests.operator_process import QUICK_GRACE, Operator, inline_job
from tests.waiting import eventually

CONTROLLER_ARGS = QUICK_GRACE


def test_p24_a_finished_job_goes_and_its_results_stay(shared: Operator, name: str) -> None:
    shared.apply(inline_job(name, output={"configMap": {"name": name}}, ttlSecondsAfterFinished=0))
    eventually(lambda: shared.exists(name, "configmaps"), timeout=30)
    eventually(lambda: not shared.exists(name), timeout=20)
    assert shared.results(name)
    assert shared.batches_of(name) == []


def test_p24_orphan_leaves_the_results_at_google(shared: Operator, name: str) -> None:
    shared.apply(inline_job(name, deletionPolicy="Orphan", ttlSecondsAfterFinished=2))
    shared.wait_complete(name)
    eventually(lambda: not shared.exists(name), timeout=20)
    assert [b["state"] for b in shared.batches_of(name)] == ["BATCH_STATE_SUCCEEDED"]
