"""Results in a ConfigMap: created once, never overwriting anybody's (rules P24, S8)."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gemini_operator.api.group import JOB_NAME, OUTPUT_UID
from gemini_operator.api.v1alpha1.status import OutputStatus
from gemini_operator.kube import config_maps
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import AlreadyExists, Forbidden, Invalid, ObjectNotFound
from gemini_operator.payload.results import ResultsTooLarge

LIMIT = 900 * 1024
KEY = "results.jsonl"
LABEL_LIMIT = 63
"""Characters in the value of a label; a job's name may have more."""


class Owner(NamedTuple):
    """The job that a ConfigMap is made for."""

    name: str
    uid: str


class DeliveryRefused(Exception):
    """The ConfigMap cannot take the results; the message says why."""


class OutputRefused(Exception):
    """The cluster does not let the operator create the ConfigMap; an administrator may change that."""


def size(number: int) -> str:
    """Return a number of bytes as people write it, rounded up."""
    if number < 10 * 2**20:
        return f"{-(-number // 2**10)} KiB"
    return f"{-(-number // 2**20)} MiB"


async def check(kube: KubeClient, namespace: str, name: str, owner: Owner) -> None:
    """Make sure, before anything is paid for, that the results can be put there.

    Raises:
        DeliveryRefused: a ConfigMap of that name belongs to something else.
        OutputRefused: the API server, a policy or a quota refuses the ConfigMap.
        gemini_operator.kube.errors.KubeError: it did not answer.
    """
    try:
        existing = await config_maps.get(kube, namespace, name)
    except ObjectNotFound:
        with _refusals(), contextlib.suppress(AlreadyExists):
            await config_maps.create(kube, namespace, _manifest(name, owner, ""), dry_run=True)
        return
    except Forbidden as error:
        raise OutputRefused(error.message) from None
    if _uid_of(existing) != owner.uid:
        raise _foreign(name)


async def deliver(
    kube: KubeClient, namespace: str, name: str, owner: Owner, lines: Sequence[str]
) -> OutputStatus:
    """Create the ConfigMap, or find the one that an earlier, interrupted delivery created.

    Raises:
        ResultsTooLarge: the lines have more than `LIMIT` bytes.
        DeliveryRefused: the name is taken.
        OutputRefused: the API server, a policy or a quota refuses the ConfigMap.
        gemini_operator.kube.errors.KubeError: it did not answer; delivering again is safe.
    """
    text = "".join(lines)
    number = len(text.encode())
    if number > LIMIT:
        raise ResultsTooLarge(
            f"The results have {size(number)}, and a ConfigMap has room for {size(LIMIT)}"
        )
    try:
        with _refusals():
            await config_maps.create(kube, namespace, _manifest(name, owner, text))
    except AlreadyExists:
        text = await _delivered(kube, namespace, name, owner, text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return OutputStatus(config_map=name, bytes=number, records=len(lines), sha256=digest)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What an administrator can change is no reason to give up results that are paid for."""
    try:
        yield
    except (Forbidden, Invalid) as error:
        raise OutputRefused(error.message) from None


async def _delivered(kube: KubeClient, namespace: str, name: str, owner: Owner, text: str) -> str:
    """What the interrupted delivery wrote: the same lines, in whatever order was known then."""
    existing = await config_maps.get(kube, namespace, name)
    if _uid_of(existing) != owner.uid:
        raise _foreign(name)
    found: str = (existing.get("data") or {}).get(KEY, "")
    # Lines end with \n alone: other separators are escaped.
    if sorted(found.split("\n")) != sorted(text.split("\n")):
        raise DeliveryRefused(f"ConfigMap {name} was made for this job but holds other results")
    return found


def _manifest(name: str, owner: Owner, text: str) -> dict[str, Any]:
    label = {JOB_NAME: owner.name} if len(owner.name) <= LABEL_LIMIT else {}
    return {
        "metadata": {
            "name": name,
            "annotations": {JOB_NAME: owner.name, OUTPUT_UID: owner.uid},
            "labels": {"app.kubernetes.io/managed-by": "gemini-operator", **label},
        },
        "data": {KEY: text},
    }


def _uid_of(config_map: Mapping[str, Any]) -> str | None:
    annotations = config_map["metadata"].get("annotations") or {}
    uid: str | None = annotations.get(OUTPUT_UID)
    return uid


def _foreign(name: str) -> DeliveryRefused:
    return DeliveryRefused(f"ConfigMap {name} exists and was not created for this job")
