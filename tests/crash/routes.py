"""The two roads out of one process, to the API server and to Google, and the trap on them."""

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from local.control_plane import ControlPlane
from tests.crash.background import Background
from tests.crash.calls import to_google, to_kubernetes
from tests.crash.journal import Journal, Moment, NthCall, Strike, Trap
from tests.crash.proxy import Proxy
from tests.operator_process import through


class Routes:
    """
    As a context manager: open inside the block.

    Args:
        plane: the API server.
        google: Google's URL.
        background: where the proxies run.
    """

    def __init__(self, plane: ControlPlane, google: str, background: Background) -> None:
        context = ssl.create_default_context(cafile=str(plane.files.authority))
        self.journal = Journal()
        self.to_api = Proxy(plane.server, to_kubernetes, self.journal, background, context)
        self.to_google = Proxy(google, to_google, self.journal, background)
        self._background = background
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            stack.enter_context(self.to_api)
            stack.enter_context(self.to_google)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def calls(self) -> tuple[NthCall, ...]:
        """The calls about the job of the last `open`, in order."""
        return tuple(self.journal.calls)

    @property
    def trap(self) -> str:
        """Where the trap is, in words."""
        trap = self.journal.trap
        return "nowhere" if trap is None else f"{trap.nth_call}, {trap.moment}"

    @property
    def sprung(self) -> bool:
        """Whether the trap has sprung."""
        return self.journal.trap is not None and self.journal.trap.sprung

    def kubeconfig(self, direct: Path) -> Path:
        """A copy of `direct` that goes this way."""
        return through(direct, self.to_api.url)

    def open(self, job: str) -> None:
        """Another scenario begins; there is no trap in it yet."""
        self._background.call(lambda: self.journal.open(job))

    def set_trap(self, nth_call: NthCall, moment: Moment, strike: Strike) -> None:
        """Strike when the process comes there; `strike` is called in the proxies' thread."""
        trap = Trap(nth_call, moment, strike)
        self._background.call(lambda: setattr(self.journal, "trap", trap))

    def run(self, work: Callable[[], None]) -> None:
        """Do something in the proxies' thread, such as letting a held call go on."""
        self._background.call(work)
