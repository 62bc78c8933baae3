"""kubectl, as a person would run it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError


class KubectlError(LocalError):
    """The message is what kubectl wrote to stderr."""


@dataclass(frozen=True)
class Kubectl:
    program: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> str:
        """What kubectl prints. Raise KubectlError when it fails or takes longer than `timeout` seconds."""
        try:
            done = subprocess.run(
                [str(self.program), *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                env=self.environment(),
            )
        except subprocess.TimeoutExpired:
            raise KubectlError(f"kubectl {arguments[0]} took longer than {timeout:.0f} s") from None
        if done.returncode:
            raise KubectlError(done.stderr.strip() or f"kubectl {arguments[0]} failed silently")
        return done.stdout

    def environment(self) -> dict[str, str]:
        """Its caches lie beside its kubeconfig: another cluster may have had the same port."""
        cache = str(self.kubeconfig.with_name("kubectl-cache"))
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": cache}
