"""Whether the CRD in the cluster has every field that this operator reads and writes.

The API server drops silently what an older CRD does not know, a write-ahead for example.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache
from typing import Any

from gemini_operator.api.crd import custom_resource_definition
from gemini_operator.kube import open_api
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import KubeError
from gemini_operator.telemetry.logs import get_logger

PARTS = ("spec", "status")
ANY_FIELD = "x-kubernetes-preserve-unknown-fields"
APPLY = "kubectl apply --server-side -f crds/"

# Seconds between two looks while nothing is missing; and while fields are, for whoever applies the
# CRD waits for it.
INTERVAL = 60.0
AGAIN = 5.0
PAUSE = 1.0

log = get_logger(__name__)


class ServedSchema:
    """Compares the schema that the API server serves with the operator's own.

    Args:
        kube: reads the served schema.
        renew: called when fields that were missing are there, before anything goes by that.
        resume: called after that.
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
        """What is wrong and what to do, in one line; `None` when nothing is missing."""
        if not self.missing:
            return None
        return (
            f"the CRD in this cluster is older than this operator: {APPLY} "
            f"(missing: {', '.join(self.missing[:5])})"
        )

    async def check(self) -> None:
        """Look once; a schema that cannot be read changes nothing, as each write is checked too."""
        try:
            served = await open_api.schema(self._kube)
        except KubeError as error:
            log.warning("the served schema cannot be read", error=str(error))
            return
        if served is not None:
            await self._note(missing(served))

    async def run(self) -> None:
        """Look again for ever, soon after `suspect`, and often while fields are missing."""
        while True:
            try:
                async with asyncio.timeout(AGAIN if self.missing else INTERVAL):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            await self.check()
            # A thousand writes that are not kept are one reason to look.
            await asyncio.sleep(PAUSE)

    def suspect(self) -> None:
        """A write was not kept: look soon."""
        self._wanted.set()

    async def _note(self, found: tuple[str, ...]) -> None:
        before = self.missing
        if found and found != before:
            log.error("the CRD is older than the operator", missing=found, do=APPLY)
        elif before and not found:
            log.info("the CRD has every field now")
            await self._renew()
        self.missing = found
        if before and not found:
            self._resume()


def missing(served: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of the operator's own fields that `served`, the kind's schema, lacks."""
    own, there = _own(), served.get("properties", {})
    return tuple(path for part in PARTS for path in _missing(own[part], there.get(part), part))


@cache
def _own() -> Mapping[str, Any]:
    """The properties of this version's schema; making it takes 10 ms of the event loop."""
    version = custom_resource_definition()["spec"]["versions"][0]
    properties: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]
    return properties


def _missing(own: Mapping[str, Any], served: Any, path: str) -> Iterator[str]:
    if not isinstance(served, Mapping):
        yield path
        return
    if served.get(ANY_FIELD):
        return
    for name, member in own.get("properties", {}).items():
        yield from _missing(member, served.get("properties", {}).get(name), f"{path}.{name}")
    if "items" in own:
        yield from _missing(own["items"], served.get("items"), f"{path}[]")
