"""An API server in memory: what of its behaviour jobs, Secrets, ConfigMaps and Events need."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gemini_operator.kube import errors
from tests.unit.controller.builders import time

JSON = dict[str, Any]
Path = tuple[str, ...]


class ApiServer:
    """
    Objects by path, with the conditions under which a write is taken.

    It stands in for `gemini_operator.kube.client.KubeClient`. Nothing in it waits.

    Args:
        now: the time of a deletion.
        changed: is told of every new version of an object, and of one that is gone (`None`).
    """

    def __init__(
        self, now: Callable[[], datetime], changed: Callable[[Path, JSON | None], None]
    ) -> None:
        self.objects: dict[Path, JSON] = {}
        self._now = now
        self._changed = changed
        self._version = 100

    def put(self, path: Path, body: JSON) -> JSON:
        """Store a new version of an object; one that is deleted and that nothing keeps is gone."""
        self._version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self._version)}
        body = {**body, "metadata": metadata}
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self.objects.pop(path, None)
            self._changed(path, None)
        else:
            self.objects[path] = body
            self._changed(path, body)
        return body

    # As KubeClient has it

    async def get(self, *path: str, params: Mapping[str, str] | None = None, **_: object) -> JSON:
        """One object, or the list of those whose field has the value that `params` names."""
        if params is None:
            return self._find(path)
        field, wanted = params["fieldSelector"].split("=", 1)
        items = [
            body
            for at, body in self.objects.items()
            if at[: len(path)] == path and _at(body, tuple(field.split("."))) == wanted
        ]
        return {"metadata": {}, "items": items}

    async def post(self, *path: str, body: Mapping[str, Any], dry_run: bool = False) -> JSON:
        name = body["metadata"]["name"]
        if (*path, name) in self.objects:
            raise errors.AlreadyExists(409, "AlreadyExists", f"{name} already exists")
        return dict(body) if dry_run else self.put((*path, name), dict(body))

    async def patch(self, *path: str, body: Any, merge: bool, **_: object) -> JSON:
        subresource = path[-1] == "status"
        path = path[:-1] if subresource else path
        old = self._find(path)
        if merge:
            version = body.get("metadata", {}).get("resourceVersion")
            if version not in (None, old["metadata"]["resourceVersion"]):
                raise errors.Conflict(409, "Conflict", "the object has been modified")
            new = _merged(old, body)
        else:
            new = _patched(old, body)
        if subresource:
            new = {**old, "status": new.get("status", {})}
        else:
            new = {**new, **({"status": old["status"]} if "status" in old else {})}
        if {**new, "metadata": _plain(new)} == {**old, "metadata": _plain(old)}:
            return old
        return self.put(path, new)

    async def delete(self, *path: str, body: Mapping[str, Any] | None = None) -> JSON:
        old = self._find(path)
        wanted = (body or {}).get("preconditions", {}).get("uid")
        if wanted not in (None, old["metadata"]["uid"]):
            raise errors.Conflict(409, "Conflict", "the object has another uid")
        if "deletionTimestamp" in old["metadata"]:
            return old
        metadata = {**old["metadata"], "deletionTimestamp": time(self._now())}
        return self.put(path, {**old, "metadata": metadata})

    def _find(self, path: Path) -> JSON:
        if path not in self.objects:
            raise errors.ObjectNotFound(404, "NotFound", f"{path[-1]} not found", missing=None)
        return self.objects[path]


def _plain(body: JSON) -> JSON:
    return {name: value for name, value in body["metadata"].items() if name != "resourceVersion"}


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    new = dict(old) if isinstance(old, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = _merged(new.get(name), value)
    return new


def _patched(old: JSON, patch: list[JSON]) -> JSON:
    """RFC 6902, as far as the operator uses it; a `test` against null passes on what is missing."""
    new: Any = old
    for step in patch:
        path = tuple(step["path"].split("/")[1:])
        if step["op"] == "test":
            if _at(new, path) != step["value"]:
                raise errors.Invalid("Invalid", f"testing {step['path']} failed", has_causes=False)
        else:
            new = _with(new, path, step)
    return dict(new)


def _at(body: Any, path: Path) -> Any:
    for name in path:
        if isinstance(body, list):
            body = body[int(name)] if int(name) < len(body) else None
        else:
            body = body.get(name) if isinstance(body, Mapping) else None
    return body


def _with(body: Any, path: Path, step: JSON) -> Any:
    """`body` with one change at `path`; what is not on the way there is shared."""
    name, rest = path[0], path[1:]
    if isinstance(body, list):
        assert not rest, "nothing of a list but its items is changed"
        assert step["op"] == "remove"
        return [item for number, item in enumerate(body) if number != int(name)]
    if rest:
        return {**body, name: _with(body[name], rest, step)}
    if step["op"] == "add":
        return {**body, name: step["value"]}
    return {key: value for key, value in body.items() if key != name}
