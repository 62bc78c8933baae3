"""Results in a ConfigMap, which is created and never overwritten (P24, S8)."""

import hashlib
from collections.abc import Mapping
from typing import Any

from gemini_operator.api.group import OUTPUT_UID
from gemini_operator.api.v1alpha1.status import OutputStatus
from gemini_operator.kube import config_maps
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import AlreadyExists, Invalid, ObjectNotFound
from gemini_operator.payload.results import Results

# Bytes of results. A ConfigMap holds 1 MiB at most (kubernetes.io/docs/concepts/configuration/
# configmap); the rest is left for its metadata.
LIMIT = 900 * 1024
KEY = "results.jsonl"


class DeliveryRefused(Exception):
    """The results cannot be written to the ConfigMap; the message says why and what to do."""


async def check(kube: KubeClient, namespace: str, name: str, uid: str) -> None:
    """Check that the name of the ConfigMap is free, or that the ConfigMap is this job's.

    Args:
        kube: the API server.
        namespace: the job's.
        name: of the ConfigMap.
        uid: the job's.

    Raises:
        DeliveryRefused: a ConfigMap of that name was not made for this job.
        gemini_operator.kube.errors.KubeError: no answer.
    """
    try:
        existing = await config_maps.get(kube, namespace, name)
    except ObjectNotFound:
        return
    if _owner(existing) != uid:
        raise _foreign(name)


async def deliver(
    kube: KubeClient, namespace: str, name: str, uid: str, results: Results
) -> OutputStatus:
    """Create the ConfigMap, or find the one that an earlier, interrupted delivery created.

    Args:
        kube: the API server.
        namespace: the job's.
        name: of the ConfigMap.
        uid: the job's.
        results: at most `LIMIT` bytes.

    Returns:
        The reference to the results for the job's status.

    Raises:
        DeliveryRefused: the name is taken, or the API server refuses the ConfigMap.
        gemini_operator.kube.errors.KubeError: no answer; delivering again is safe.
    """
    try:
        await config_maps.create(kube, namespace, _manifest(name, uid, results))
    except AlreadyExists:
        # This process, or one before it, may have been interrupted after the create.
        await _expect_same(kube, namespace, name, uid, results)
    except Invalid as error:
        raise DeliveryRefused(
            f"the API server rejected ConfigMap {name}: {error.message}"
        ) from None
    return OutputStatus(
        config_map=name, bytes=results.bytes, records=results.records, sha256=results.sha256
    )


async def _expect_same(
    kube: KubeClient, namespace: str, name: str, uid: str, results: Results
) -> None:
    existing = await config_maps.get(kube, namespace, name)
    if _owner(existing) != uid:
        raise _foreign(name)
    # A user may have changed it since. It is never overwritten, so it must hold these results.
    data = (existing.get("data") or {}).get(KEY, "")
    if hashlib.sha256(data.encode()).hexdigest() != results.sha256:
        raise DeliveryRefused(f"ConfigMap {name} was created for this job but holds other results")


def _manifest(name: str, uid: str, results: Results) -> dict[str, Any]:
    # No owner reference: results outlive their job (P24).
    return {
        "metadata": {
            "name": name,
            "annotations": {OUTPUT_UID: uid},
            "labels": {"app.kubernetes.io/managed-by": "gemini-operator"},
        },
        "data": {KEY: results.jsonl},
    }


def _owner(config_map: Mapping[str, Any]) -> str | None:
    annotations = config_map["metadata"].get("annotations") or {}
    owner: str | None = annotations.get(OUTPUT_UID)
    return owner


def _foreign(name: str) -> DeliveryRefused:
    return DeliveryRefused(
        f"ConfigMap {name} exists and was not created for this job; in a new job name another one, or delete it first"
    )
