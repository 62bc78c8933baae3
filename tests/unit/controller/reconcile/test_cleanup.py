"""What becomes of a batch whose job refuses its name."""

from typing import Any, cast

import pytest

from gemini_operator.controller.job import JobReader
from gemini_operator.controller.reconcile.cleanup import Cleanup
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.store import Store
from gemini_operator.kube.batch_jobs import BatchJobs
from tests.unit.controller.builders import BATCH, NOW, a_job, a_snapshot, unnamed
from tests.unit.controller.lifecycle.api_server import ApiServer
from tests.unit.controller.lifecycle.world import JOB


class Deleted(Exception):
    """Something was about to be deleted at Google."""


class Access:
    async def last_good(self, _job: object) -> Any:
        raise Deleted


@pytest.mark.parametrize("stored", ["as before", "unreadable", "gone", "another one"])
async def test_a_batch_is_deleted_only_if_its_object_is_gone(stored: str) -> None:
    """One that cannot be read may have the name, and its batch is paid for."""
    job = a_job(status=unnamed())
    store = Store()
    store.put(job)
    api = ApiServer(lambda: NOW, lambda _path, _body: None)
    if stored != "gone":
        metadata = {
            "namespace": job.key.namespace,
            "name": job.key.name,
            "uid": job.uid if stored != "another one" else "another",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        model = 7 if stored == "unreadable" else "gemini-2.5-flash"
        api.put(JOB, {"metadata": metadata, "spec": {"model": model}, "status": {}})
    writer = Writer(BatchJobs(cast(Any, api)), store, JobReader())
    unused: Any = None
    cleanup = Cleanup(cast(Any, Access()), unused, writer, unused)
    if stored in ("gone", "another one"):
        with pytest.raises(Deleted):
            await cleanup.orphaned_create(a_snapshot(job), BATCH)
    else:
        await cleanup.orphaned_create(a_snapshot(job), BATCH)
