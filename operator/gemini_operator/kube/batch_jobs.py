"""Requests for GeminiBatchJobs. Lists and receipts ask for metadata only where that is enough."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gemini_operator.api import names
from gemini_operator.api.group import GROUP, PLURAL, VERSION
from gemini_operator.kube import errors
from gemini_operator.kube.client import METADATA_ONLY, METADATA_ONLY_LIST, KubeClient

PAGE = 500
SMALLER = 4
"""By what the page size is divided after a page that was too large."""

WHOLE_PAGE = 10
"""Whole objects in one page: etcd stores at most 1.5 MiB each, an answer has at most 16 MiB."""

WHOLE_PAGES = 50
"""Pages of jobs that name one batch; anybody may create any number of such jobs."""

# Tries of a list whose `continue` token expires before its end.
LIST_ATTEMPTS = 3


class JobKey(NamedTuple):
    namespace: str
    name: str
    uid: str
    version: int
    """`resourceVersion` as a number."""


class BatchJobs:
    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        return await self._client.get(*_path(namespace, name))

    async def patch(
        self, namespace: str, name: str, body: object, *, merge: bool
    ) -> dict[str, Any]:
        """Patch anything but the status; return the object after the write."""
        return await self._client.patch(*_path(namespace, name), body=body, merge=merge)

    async def patch_status(
        self, namespace: str, name: str, body: object, *, merge: bool, metadata_only: bool = False
    ) -> dict[str, Any]:
        """Patch the status; return the object after the write.

        Args:
            namespace: of the object.
            name: of the object.
            body: the patch.
            merge: whether it is a merge patch or a JSON patch.
            metadata_only: return neither spec nor status. So the receiver, which faces the
                internet, never reads a job's input (S12).
        """
        path = *_path(namespace, name), "status"
        accept = METADATA_ONLY if metadata_only else None
        return await self._client.patch(*path, body=body, merge=merge, accept=accept)

    async def delete(self, namespace: str, name: str, uid: str) -> dict[str, Any]:
        """Delete the object.

        Raises:
            Conflict: the object of this name has another uid, because it was created again.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            # Nothing has an owner reference to a job, so there is nothing to wait for.
            "propagationPolicy": "Background",
        }
        return await self._client.delete(*_path(namespace, name), body=body)

    async def list_keys(self, namespaces: Iterable[str] | None, chunk: int = PAGE) -> list[JobKey]:
        """Return the keys of all jobs.

        Args:
            namespaces: only in these; `None` for all.
            chunk: objects to a page.
        """
        keys: list[JobKey] = []
        for scope in _scopes(namespaces):
            keys += await self._list_scope(scope, chunk)
        return keys

    async def list_by_batch(
        self, namespaces: Iterable[str] | None, batch: str
    ) -> list[dict[str, Any]]:
        """Return the jobs whose `status.batchName` is `batch`.

        Raises:
            ValueError: `batch` is not the name of a batch.
        """
        selector = _selector(batch)
        found: list[dict[str, Any]] = []
        for scope in _scopes(namespaces):
            found += await self._whole(scope, selector)
        return found

    async def list_keys_by_batch(self, namespace: str, batch: str, limit: int = 2) -> list[JobKey]:
        """Return the keys of the jobs of a namespace whose `status.batchName` is `batch`.

        Args:
            namespace: of the jobs.
            batch: its name at Google.
            limit: of keys; two are enough to know that there is not exactly one.

        Raises:
            ValueError: `batch` is not the name of a batch.
        """
        params = {"fieldSelector": _selector(batch), "limit": str(limit)}
        page = await self._page(_path(namespace), params)
        return [_key(item["metadata"]) for item in page.get("items") or ()]

    async def _whole(self, scope: tuple[str, ...], selector: str) -> list[dict[str, Any]]:
        """Return whole objects, in pages small enough for the largest objects."""
        found: list[dict[str, Any]] = []
        # A selectable field of the CRD, so the API server filters and few objects are sent.
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
        """List one object in each scope.

        Raises:
            ObjectNotFound: the API server does not serve the kind.
            Forbidden: the operator may not list it.
        """
        for scope in _scopes(namespaces):
            await self._page(scope, {"limit": "1"})

    async def _list_scope(self, scope: tuple[str, ...], chunk: int) -> list[JobKey]:
        """List a scope; start over if its `continue` token expires (410, after some minutes)."""
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
                # Metadata alone may fill an object, with annotations of up to 256 KiB and managed
                # fields.
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
    # One list for all namespaces needs a ClusterRole; without one each namespace is listed.
    if namespaces is None:
        return [("apis", GROUP, VERSION, PLURAL)]
    return [_path(namespace) for namespace in namespaces]


def _selector(batch: str) -> str:
    """Return the field selector of the jobs with this batch."""
    # A comma or an equals sign would change it.
    if not names.matches(names.BATCH_NAME, batch):
        raise ValueError("not the name of a batch")
    return f"status.batchName={batch}"


def _path(namespace: str, *name: str) -> tuple[str, ...]:
    return ("apis", GROUP, VERSION, "namespaces", namespace, PLURAL, *name)


def _key(metadata: Mapping[str, Any]) -> JobKey:
    version = int(metadata["resourceVersion"])
    return JobKey(metadata["namespace"], metadata["name"], metadata["uid"], version)
