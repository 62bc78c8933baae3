"""The address that Google is asked to call for one attempt of one job."""

from gemini_operator.api.group import PLURAL
from gemini_operator.api.status import Attempt
from gemini_operator.callbacks import address
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.controller.job import Job


class CallbackAddresses:
    """
    Makes addresses below `public_url`, signed with the directory's signing key.

    Without a public URL there are none, and the sweep decides alone (rule P20).
    """

    def __init__(self, public_url: str | None, keys: KeyDirectory | None) -> None:
        self._public_url = public_url
        self._keys = keys

    def of(self, job: Job, attempt: Attempt) -> str | None:
        """The address for `attempt`, a secret of the job; `None` without a public URL."""
        if self._public_url is None or self._keys is None:
            return None
        namespace, name = job.key
        target = address.Target(PLURAL, namespace, name, job.uid, attempt.id)
        return address.url(self._public_url, self._keys.signing(), target)
