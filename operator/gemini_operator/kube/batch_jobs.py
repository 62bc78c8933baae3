"""The requests about GeminiBatchJobs, each with the least that it needs to be answered with."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gemini_operator.api import names
from gemini_operator.api.group import GROUP, PLURAL, VERSION
from gemini_operator.kube import errors
from gemini_operator.kube.client import METADATA_ONLY, METADATA_ONLY_LIST, KubeClient

PAGE = 500
SMALLER = 4
"""How many times smaller a page is asked for after one that was too large."""

WHOLE_PAGE = 10
"""Objects of at most 1.5 MB in one answer of at most 16 MiB."""

WHOLE_PAGES = 50
"""Of jobs that name one batch: anybody may make any number of them."""

LIST_ATTEMPTS = 3


class JobKey(NamedTuple):
    namespace: str
    name: str
    uid: str
    version: int
    """`resourceVersion` as the number it is."""


class BatchJobs:
    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        return await self._client.get(*_path(namespace, name))

    async def patch(
        self, namespace: str, name: str, body: object, *, merge: bool
    ) -> dict[str, Any]:
        """Everything but the status. The answer is the object after the write."""
        return await self._client.patch(*_path(namespace, name), body=body, merge=merge)

    async def patch_status(
        self, namespace: str, name: str, body: object, *, merge: bool, metadata_only: bool = False
    ) -> dict[str, Any]:
        """`metadata_only`: the answer has no spec and no status (rule S12)."""
        path = *_path(namespace, name), "status"
        accept = METADATA_ONLY if metadata_only else None
        return await self._client.patch(*path, body=body, merge=merge, accept=accept)

    async def delete(self, namespace: str, name: str, uid: str) -> dict[str, Any]:
        """Raise Conflict when the object of this name has another uid: it was recreated."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        return await self._client.delete(*_path(namespace, name), body=body)

    async def list_keys(self, namespaces: Iterable[str] | None, chunk: int = PAGE) -> list[JobKey]:
        """Every job's key, in all namespaces (None) or in these, read in pages of `chunk`."""
        keys: list[JobKey] = []
        for scope in _scopes(namespaces):
            keys += await self._list_scope(scope, chunk)
        return keys

    async def list_by_batch(
        self, namespaces: Iterable[str] | None, batch: str
    ) -> list[dict[str, Any]]:
        """The jobs whose `status.batchName` is `batch`; raise ValueError for what is no name."""
        if not names.matches(names.BATCH_NAME, batch):
            raise ValueError("not the name of a batch")
        found: list[dict[str, Any]] = []
        for scope in _scopes(namespaces):
            found += await self._whole(scope, f"status.batchName={batch}")
        return found

    async def _whole(self, scope: tuple[str, ...], selector: str) -> list[dict[str, Any]]:
        """Whole objects, so few to a page that the largest ones fit into an answer."""
        found: list[dict[str, Any]] = []
        params = {"fieldSelector": selector, "limit": str(WHOLE_PAGE)}
        for _ in range(WHOLE_PAGES):
            page = await self._client.get(*scope, params=params)
            found += page.get("items") or ()
            following = page.get("metadata", {}).get("continue")
            if not following:
                break
            params["continue"] = following
        return found

    async def probe(self, namespaces: Iterable[str] | None) -> None:
        """Raise NotFound when the kind isn't served, Forbidden when it may not be listed (P5)."""
        for scope in _scopes(namespaces):
            await self._page(scope, {"limit": "1"})

    async def _list_scope(self, scope: tuple[str, ...], chunk: int) -> list[JobKey]:
        """An expired `continue` (410, after some minutes) means starting over."""
        for last in (False,) * (LIST_ATTEMPTS - 1) + (True,):
            try:
                return await self._pages(scope, chunk)
            except errors.KubeError as error:
                if error.status != 410 or last:
                    raise
        raise AssertionError("unreachable")

    async def _pages(self, scope: tuple[str, ...], chunk: int) -> list[JobKey]:
        keys: list[JobKey] = []
        params = {"limit": str(chunk)}
        while True:
            try:
                page = await self._page(scope, params)
            except errors.AnswerTooLarge:
                if chunk == 1:
                    raise
                # Metadata too may have as much as an object may have.
                chunk = -(-chunk // SMALLER)
                params |= {"limit": str(chunk)}
                continue
            keys += [_key(item["metadata"]) for item in page.get("items") or ()]
            following = page.get("metadata", {}).get("continue")
            if not following:
                return keys
            params = {"limit": str(chunk), "continue": following}

    async def _page(self, scope: tuple[str, ...], params: Mapping[str, str]) -> dict[str, Any]:
        return await self._client.get(*scope, params=params, accept=METADATA_ONLY_LIST)


def _scopes(namespaces: Iterable[str] | None) -> list[tuple[str, ...]]:
    if namespaces is None:
        return [("apis", GROUP, VERSION, PLURAL)]
    return [_path(namespace) for namespace in namespaces]


def _path(namespace: str, *name: str) -> tuple[str, ...]:
    return ("apis", GROUP, VERSION, "namespaces", namespace, PLURAL, *name)


def _key(metadata: Mapping[str, Any]) -> JobKey:
    version = int(metadata["resourceVersion"])
    return JobKey(metadata["namespace"], metadata["name"], metadata["uid"], version)
