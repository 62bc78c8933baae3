"""Tells a job that is gone from a kind whose status the API server does not serve.

Both are answered 404, with the same Status object where the CRD lacks the status subresource
(kube-apiserver 1.37.2). Where the status is served, the API server looks at the form of the answer
that is asked for before it looks for the object, and refuses an unknown one with 406.
"""

from gemini_operator.api.group import GROUP, VERSION
from gemini_operator.callbacks.address import Target
from gemini_operator.kube import errors
from gemini_operator.kube.client import KubeClient

_NO_FORMAT = "application/x-no-such-format"
_NOT_ACCEPTABLE = 406


class StatusProbe:
    """Asks with the one right that a receiver has: to patch the status of jobs."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def is_served(self, target: Target) -> bool:
        """Whether the status of jobs can be written. Changes nothing, raises KubeErrors."""
        space = "apis", GROUP, VERSION, "namespaces", target.namespace
        path = *space, target.plural, target.name, "status"
        try:
            await self._client.patch(*path, body=[], merge=False, accept=_NO_FORMAT)
        except errors.NotFound:
            return False
        except errors.KubeError as error:
            if error.status != _NOT_ACCEPTABLE:
                raise
        return True
