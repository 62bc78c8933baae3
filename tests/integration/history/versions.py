"""Every version that every job of a namespace ever had, in order: a watch of our own."""

import json
import threading
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

from tests.integration.history.laws import begins, broken, holds_a_place
from tests.integration.history.user import User
from tests.waiting import eventually

Body = dict[str, Any]


class Versions:
    """
    As a context manager: watches inside the block.

    Each version is compared with the one before it as it comes; `broken` holds the laws that were
    broken, for the invariant of the history.

    Args:
        user: may watch.
        places: open batches that the jobs together may have.
    """

    def __init__(self, user: User, places: int) -> None:
        self.broken: list[str] = []
        self._user = user
        self._places = places
        self._of: defaultdict[str, list[Body]] = defaultdict(list)
        self._gone: set[str] = set()
        self._position = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        # At first the API server may say that its storage is not ready.
        listed = eventually(self._user.list, timeout=20, what="our kind to be served")
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

    def forget(self) -> None:
        """Another history begins; nothing of the last one is left in the namespace."""
        self.broken.clear()
        self._of.clear()
        self._gone.clear()

    def last(self, uid: str) -> Body:
        """The newest version, the one that was deleted included; empty where there was none."""
        known = self._of.get(uid)
        return known[-1] if known else {}

    def all(self, uid: str) -> list[Body]:
        return list(self._of.get(uid, ()))

    @property
    def most(self) -> int:
        """How many versions one job has had."""
        return max(map(len, list(self._of.values())), default=0)

    def gone(self, uid: str) -> bool:
        return uid in self._gone

    def wait_for(self, body: Body) -> None:
        """Wait until a version that was read elsewhere has come here too."""
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
            except (OSError, ValueError):
                self._stop.wait(0.2)

    def _watch(self) -> None:
        query = f"watch=true&resourceVersion={self._position}&timeoutSeconds=240"
        with self._user.open(f"{self._user.jobs}?{query}", 300.0) as answer:
            for line in answer:
                if self._stop.is_set():
                    return
                self._take(json.loads(line))

    def _take(self, event: Body) -> None:
        kind, body = event["type"], event["object"]
        if kind == "ERROR":
            self.broken.append(f"the watch has missed versions: {body.get('message')}")
            self._position = self._user.list()["metadata"]["resourceVersion"]
            return
        uid, name = body["metadata"]["uid"], body["metadata"]["name"]
        before = self.last(uid)
        self._position = body["metadata"]["resourceVersion"]
        self.broken += [f"{name}: {law}" for law in broken(before, body)]
        self._of[uid].append(body)
        if kind == "DELETED":
            self._gone.add(uid)
        elif begins(before, body) and "adopt" not in body["spec"]:
            self._count(name)

    def _count(self, name: str) -> None:
        """
        Another batch is about to be created: there has to be a place for it.

        Adopted batches are left out: they run already, and an adoption may come in between.
        """
        here = [self.last(uid) for uid in self._of if uid not in self._gone]
        there = [body for body in here if "adopt" not in body["spec"]]
        held = [body["metadata"]["name"] for body in there if holds_a_place(body)]
        if len(held) > self._places:
            self.broken.append(f"{name} was submitted though there is no place: {held}")
