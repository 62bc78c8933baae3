"""The command lines and addresses of the emulator, the controller and the receiver."""

import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from local.ports import PortBook
from local.programs import HOST

PROGRAM = Path(sys.executable).with_name("gemini-operator")
SIGNING_KEY = "local"
SCHEDULE = "pending=1s,running=2s"


@dataclass(frozen=True)
class Services:
    """Everything below one state directory; addresses come from its book of ports.

    `schedule` is that of the emulator's batches.
    """

    directory: Path
    ports: PortBook
    schedule: str = SCHEDULE

    @property
    def gemini_url(self) -> str:
        return self._url("emulator")

    @property
    def receiver_url(self) -> str:
        return self._url("receiver")

    @property
    def receiver_metrics_url(self) -> str:
        return self._url("receiver-metrics")

    @property
    def controller_metrics_url(self) -> str:
        return self._url("controller-metrics")

    @property
    def callback_keys(self) -> Path:
        return self.directory / "callback-keys"

    def kubeconfig(self, account: str) -> Path:
        return self.directory / f"{account}.kubeconfig"

    def emulator(self) -> list[str]:
        return [
            str(PROGRAM),
            "emulator",
            f"--host={HOST}",
            f"--port={self.ports.claim('emulator')}",
            f"--state-dir={self.directory / 'emulator'}",
            f"--schedule={self.schedule}",
            f"--deliver-to=http://{HOST}:",
        ]

    def receiver(self) -> list[str]:
        return [
            str(PROGRAM),
            "receiver",
            f"--host={HOST}",
            f"--port={self.ports.claim('receiver')}",
            f"--kubeconfig={self.kubeconfig('receiver')}",
            f"--callback-keys-dir={self.callback_keys}",
            f"--jwks-url={self.gemini_url}/.well-known/jwks.json",
            "--allow-insecure-jwks",
            *self._common("receiver-metrics"),
        ]

    def controller(self, object_store_url: str) -> list[str]:
        return [
            str(PROGRAM),
            "controller",
            f"--kubeconfig={self.kubeconfig('controller')}",
            f"--gemini-base-url={self.gemini_url}",
            "--allow-insecure-gemini",
            f"--object-store-endpoint=s3={object_store_url}",
            "--allow-insecure-object-store",
            f"--public-url={self.receiver_url}",
            f"--callback-keys-dir={self.callback_keys}",
            f"--callback-signing-key={SIGNING_KEY}",
            *self._common("controller-metrics"),
        ]

    def _common(self, port: str) -> list[str]:
        metrics = self.ports.claim(port)
        return [f"--health-host={HOST}", f"--metrics-port={metrics}", "--log-format=text"]

    def _url(self, port: str) -> str:
        return f"http://{HOST}:{self.ports.get(port)}"


def answers(url: str) -> bool:
    """Whether a GET succeeds within two seconds."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
