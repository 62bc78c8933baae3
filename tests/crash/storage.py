"""The environments of jobs that read from and write to an S3 server: its calls are steps too."""

from collections.abc import Sequence
from contextlib import ExitStack

from tests.crash.calls import to_s3
from tests.crash.environment import Environment
from tests.crash.killing import KillEnvironment
from tests.crash.pausing import Candidate, PauseEnvironment
from tests.crash.proxy import Proxy
from tests.object_servers import S3Server
from tests.stored_jobs import put_secret


def _options(url: str) -> Sequence[str]:
    return "--object-store-endpoint", f"s3={url}", "--allow-insecure-object-store"


class KillDuringTransfer(KillEnvironment):
    """With an S3 server, which the controller reaches through a proxy."""

    s3: S3Server
    _to_s3: Proxy

    def start_controller(self) -> None:
        self._start_controller(*_options(self._to_s3.url))

    def _build(self, stack: ExitStack) -> None:
        self.s3 = stack.enter_context(S3Server(self.directory / "s3"))
        super()._build(stack)

    def _add_routes(self, stack: ExitStack) -> None:
        proxy = Proxy(self.s3.url, to_s3, self.routes.journal, self.background)
        self._to_s3 = stack.enter_context(proxy)
        put_secret(self.operator)


class PauseDuringTransfer(PauseEnvironment):
    """With an S3 server, which each controller reaches through a proxy of its own."""

    s3: S3Server

    def _build(self, stack: ExitStack) -> None:
        self.s3 = stack.enter_context(S3Server(self.directory / "s3"))
        super()._build(stack)
        put_secret(self.operator)

    def _more_arguments(self, candidate: Candidate) -> Sequence[str]:
        proxy = Proxy(self.s3.url, to_s3, candidate.routes.journal, self.background)
        return _options(candidate.add(proxy))


def s3_of(environment: Environment) -> S3Server:
    """The S3 server of one of these environments."""
    assert isinstance(environment, KillDuringTransfer | PauseDuringTransfer)
    return environment.s3
