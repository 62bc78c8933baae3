"""Checks that the CRD in the cluster has every field that this operator reads and writes.

The API server answers 200 and drops the fields that the CRD does not have, a write-ahead for
example (decision 0021).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache
from typing import Any

from gemini_operator.api.crd import custom_resource_definition
from gemini_operator.base.logs import get_logger
from gemini_operator.kube import open_api
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import KubeError, ObjectNotFound

PARTS = ("spec", "status")
ANY_FIELD = "x-kubernetes-preserve-unknown-fields"
APPLY = "kubectl apply --server-side --force-conflicts -f crds/"

# Seconds between two checks while the CRD is complete.
INTERVAL = 60.0
# Seconds between two checks while fields are missing: a user who applies the CRD waits for it.
AGAIN = 5.0
# Seconds, at least, between two checks.
PAUSE = 1.0

log = get_logger(__name__)


class ServedSchema:
    """Compares the schema that the API server serves with the operator's own.

    Args:
        kube: reads the served schema.
        renew: awaited when the missing fields are there, before `missing` becomes empty.
        resume: called after that.

    Attributes:
        missing: the paths of the missing fields; while there are any, nothing is submitted.
    """

    def __init__(
        self, kube: KubeClient, renew: Callable[[], Awaitable[None]], resume: Callable[[], None]
    ) -> None:
        self.missing: tuple[str, ...] = ()
        self._kube = kube
        self._renew = renew
        self._resume = resume
        self._wanted = asyncio.Event()

    @property
    def problem(self) -> str | None:
        """What is wrong and what to do, in one line; `None` while nothing is missing."""
        if not self.missing:
            return None
        return (
            f"the CRD in this cluster is older than this operator: {APPLY} "
            f"(missing: {', '.join(self.missing[:5])})"
        )

    async def check(self) -> None:
        """Check once. A schema that cannot be read changes nothing."""
        try:
            served = await open_api.schema(self._kube)
        except ObjectNotFound:
            return  # there is no CRD; who lists the jobs says so
        except KubeError as error:
            # This check is not the only guard: the answer to every write is compared too.
            log.warning("the served schema cannot be read", error=str(error))
            return
        if served is not None:
            await self._note(missing(served))

    async def run(self) -> None:
        """Check at intervals, until cancelled; sooner after `suspect` or while fields miss."""
        while True:
            try:
                async with asyncio.timeout(AGAIN if self.missing else INTERVAL):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            await self.check()
            # A thousand writes that were not kept cause one check.
            await asyncio.sleep(PAUSE)

    def suspect(self) -> None:
        """Check soon, because the API server did not keep a write."""
        self._wanted.set()

    async def _note(self, found: tuple[str, ...]) -> None:
        before = self.missing
        if found and found != before:
            log.error("the CRD is older than the operator", missing=found, do=APPLY)
        elif before and not found:
            log.info("the CRD now has every field")
            # Before `missing` is cleared: until the watch is new, jobs may lack their attempts.
            await self._renew()
        self.missing = found
        if before and not found:
            self._resume()


def missing(served: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths of the operator's fields that the kind's schema `served` lacks."""
    own, there = _own(), served.get("properties", {})
    return tuple(path for part in PARTS for path in _missing(own[part], there.get(part), part))


@cache
def _own() -> Mapping[str, Any]:
    """Return the properties of this version's schema."""
    # Cached, because generating it blocks the event loop for 10 ms.
    version = custom_resource_definition()["spec"]["versions"][0]
    properties: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]
    return properties


def _missing(own: Mapping[str, Any], served: Any, path: str) -> Iterator[str]:
    if not isinstance(served, Mapping):
        yield path
        return
    # The API server keeps whatever is below such a field.
    if served.get(ANY_FIELD):
        return
    for name, member in own.get("properties", {}).items():
        yield from _missing(member, served.get("properties", {}).get(name), f"{path}.{name}")
    if "items" in own:
        yield from _missing(own["items"], served.get("items"), f"{path}[]")
