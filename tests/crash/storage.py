"""The environment of jobs that read from and write to an S3 server: its calls are steps too."""

from contextlib import ExitStack

from tests.crash.calls import to_s3
from tests.crash.killing import KillEnvironment
from tests.crash.proxy import Proxy
from tests.object_servers import S3Server
from tests.stored_jobs import put_secret


class StorageEnvironment(KillEnvironment):
    """With an S3 server, which the controller reaches through a proxy."""

    s3: S3Server
    _to_s3: Proxy

    def start_controller(self) -> None:
        endpoint = ("--object-store-endpoint", f"s3={self._to_s3.url}")
        self._start_controller(*endpoint, "--allow-insecure-object-store")

    def _build(self, stack: ExitStack) -> None:
        self.s3 = stack.enter_context(S3Server(self.directory / "s3"))
        super()._build(stack)

    def _add_routes(self, stack: ExitStack) -> None:
        proxy = Proxy(self.s3.url, to_s3, self.routes.journal, self.background)
        self._to_s3 = stack.enter_context(proxy)
        put_secret(self.operator)
