"""Every version of every job in a namespace, in order, from a watch of the tests' own."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from local.errors import LocalError
from tests.histories.invariants import begins, uses_quota, violations
from tests.histories.job_client import JobClient
from tests.waiting import eventually

Body = dict[str, Any]


class Versions:
    """
    A context manager that watches inside its block.

    Each version is compared with the one before it. `violations` holds the violated invariants.

    Args:
        client: of the namespace to watch.
        max_open_batches: the quota of each API key.
        key_of: the API key of a job's batch, by the job's uid and the fingerprint in its status.
    """

    def __init__(
        self,
        client: JobClient,
        max_open_batches: int,
        key_of: Callable[[str, str], str | None],
    ) -> None:
        self._key_of = key_of
        self.violations: list[str] = []
        self._client = client
        self._max_open_batches = max_open_batches
        self._versions: defaultdict[str, list[Body]] = defaultdict(list)
        self._deleted: set[str] = set()
        self._position = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        # A new API server may answer that its storage is not ready.
        listed = eventually(self._client.list, timeout=20, what="our kind to be served")
        self._position = listed["metadata"]["resourceVersion"]
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()

    def reset(self) -> None:
        """Forget every version, as another history begins in an empty namespace."""
        self.violations.clear()
        self._versions.clear()
        self._deleted.clear()

    def last(self, uid: str) -> Body:
        """The newest version, the final one of a deleted job too; empty if there was none."""
        known = self._versions.get(uid)
        return known[-1] if known else {}

    def all(self, uid: str) -> list[Body]:
        return list(self._versions.get(uid, ()))

    @property
    def max_count(self) -> int:
        """The largest number of versions of one job."""
        return max(map(len, list(self._versions.values())), default=0)

    def was_deleted(self, uid: str) -> bool:
        return uid in self._deleted

    def wait_for(self, body: Body) -> None:
        """Wait until the watch has seen a version that was read with a request."""
        uid, wanted = body["metadata"]["uid"], int(body["metadata"]["resourceVersion"])
        eventually(
            lambda: (last := self.last(uid)) and int(last["metadata"]["resourceVersion"]) >= wanted,
            timeout=20,
            what="the watch to see a version",
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._watch()
            except (LocalError, ValueError):
                self._stop.wait(0.2)

    def _watch(self) -> None:
        with self._client.watch(self._position) as lines:
            for line in lines:
                if self._stop.is_set():
                    return
                self._handle(json.loads(line))

    def _handle(self, event: Body) -> None:
        kind, body = event["type"], event["object"]
        if kind == "ERROR":
            self.violations.append(f"the watch has missed versions: {body.get('message')}")
            self._position = self._client.list()["metadata"]["resourceVersion"]
            return
        uid, name = body["metadata"]["uid"], body["metadata"]["name"]
        before = self.last(uid)
        self._position = body["metadata"]["resourceVersion"]
        self.violations += [f"{name}: {violation}" for violation in violations(before, body)]
        self._versions[uid].append(body)
        if kind == "DELETED":
            self._deleted.add(uid)
        elif begins(before, body) and "adopt" not in body["spec"]:
            self._check_quota(body)

    def _check_quota(self, begun: Body) -> None:
        """
        A job is about to create a batch, so the jobs of its API key must be within the quota.

        The controller may still have the key of the history before, or one that was just replaced.
        Adopted batches do not count: they exist already, and an adoption may come in between.
        """
        here = [self.last(uid) for uid in self._versions if uid not in self._deleted]
        counted = [body for body in here if "adopt" not in body["spec"]]
        key = self._key(begun)
        same = [body for body in counted if uses_quota(body) and self._key(body) == key]
        users = [body["metadata"]["name"] for body in same]
        if len(users) > self._max_open_batches:
            name = begun["metadata"]["name"]
            self.violations.append(f"{name} was submitted beyond the quota: {users}")

    def _key(self, body: Body) -> str | None:
        recorded = body["status"]["attempt"].get("apiKeyFingerprint", "")
        return self._key_of(body["metadata"]["uid"], recorded)
