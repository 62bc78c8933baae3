"""Names for what a process says to the API server and to Google: stable, and readable in a table.

Reads of the API server, watches and Leases have no name: to die at one of them is to die after the
call before it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_GOOGLE = [
    ("POST", r":batchGenerateContent", "batches.create"),
    ("POST", r":asyncBatchEmbedContent", "batches.createEmbeddings"),
    ("GET", r"/batches", "batches.list"),
    ("GET", r"/batches/[^/:]+", "batches.get"),
    ("POST", r"/batches/[^/:]+:cancel", "batches.cancel"),
    ("DELETE", r"/batches/[^/:]+", "batches.delete"),
    ("POST", r"/upload/[^/]+/files", "files.upload"),
    ("(POST|PUT)", r"/upload/[^/]+/files/[^/]+", "files.uploadChunk"),
    ("GET", r"/files", "files.list"),
    ("GET", r"/files/[^/:]+", "files.get"),
    ("GET", r"/files/[^/:]+:download", "files.download"),
    ("DELETE", r"/files/[^/:]+", "files.delete"),
    ("GET", r"/jwks\.json", "jwks"),
]
_S3 = {
    ("HEAD", False): "s3 look",
    ("GET", False): "s3 read",
    ("POST", False): "s3 start",
    ("PUT", True): "s3 part",
    ("POST", True): "s3 complete",
    ("DELETE", False): "s3 abort",
}
_OURS = re.compile(
    r"/apis/gemini-operator\.io/[^/]+/namespaces/[^/]+/geminibatchjobs/(?P<name>[^/]+)"
)
_RESOURCE = re.compile(r"/namespaces/[^/]+/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?")
_READS = ("GET", "HEAD")


@dataclass(frozen=True)
class Call:
    """`subject` is the object or the batch that it is about, where that can be told."""

    name: str
    subject: str | None = None


def to_google(method: str, path: str, body: bytes) -> Call | None:
    """What a request to the Gemini API is, by the names of the emulator's routes."""
    for allowed, pattern, name in _GOOGLE:
        if re.fullmatch(allowed, method) and re.search(pattern + "$", path):
            return Call(name, _display_name(body) if name.startswith("batches.create") else None)
    return Call(f"{method} {path}")


def to_s3(method: str, path: str, body: bytes) -> Call:
    """What a request to the S3 server is."""
    return Call(_S3.get((method, bool(body)), f"{method} {path}"))


def to_kubernetes(method: str, path: str, body: bytes) -> Call | None:
    """What a write to the API server is; None for what is no step."""
    if method in _READS or "/leases" in path:
        return None
    content = _parsed(body)
    ours = _OURS.match(path)
    if ours:
        return Call(_of_job(method, path.endswith("/status"), content), ours["name"])
    found = _RESOURCE.search(path)
    plural, name = (found["plural"], found["name"]) if found else (path, None)
    if plural == "events" and method == "POST":
        return Call(f"event {content['reason']}", content["involvedObject"]["name"])
    verb = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}[method]
    return Call(f"{plural.removesuffix('s')} {verb}", name or _name_in(content))


def _of_job(method: str, status: bool, content: Any) -> str:
    if method == "DELETE":
        return "job delete"
    if status:
        return f"status {_status_patch(content)}"
    if isinstance(content, list):
        return "finalizer remove"
    return "finalizer add" if "finalizers" in content.get("metadata", {}) else "job patch"


def _status_patch(content: Any) -> str:
    if isinstance(content, list):
        paths = {change["path"] for change in content if change["op"] != "test"}
        return "event" if "/status/lastEvent" in paths else "name"
    changes = content["status"]
    attempt = changes.get("attempt") or {}
    if attempt.get("id"):
        return "adopted" if attempt.get("batchName") else "write-ahead"
    if changes.get("completionTime"):
        return "end"
    return str(changes.get("state") or "other").lower()


def _display_name(body: bytes) -> str | None:
    """The job's name out of `<namespace>/<name> [<token>]`."""
    batch = _parsed(body).get("batch", {})
    shown = str(batch.get("displayName") or batch.get("display_name") or "")
    return shown.rpartition(" [")[0].rpartition("/")[2] or None


def _name_in(content: Any) -> str | None:
    metadata = content.get("metadata", {}) if isinstance(content, Mapping) else {}
    return metadata.get("name")


def _parsed(body: bytes) -> Any:
    return json.loads(body) if body else {}
