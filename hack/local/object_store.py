"""The S3 server of the local control plane: a folder with one bucket, and an access key of its own."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.credentials import write_private
from local.ports import PortBook
from local.programs import HOST

NAME = "object-store"
"""Of the process, of its port and of the Secret with its access key."""

BUCKET = "demo"
HEALTH = "/healthz"


@dataclass(frozen=True)
class ObjectStore:
    """The server's files in one state directory, its address and its command line.

    The bucket is a folder in `data`; the objects in it are files.
    """

    directory: Path
    ports: PortBook

    @property
    def data(self) -> Path:
        return self.directory / NAME

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.ports.get(NAME)}"

    def prepare(self) -> None:
        """Create the bucket, and the access key at the first start."""
        (self.data / BUCKET).mkdir(parents=True, exist_ok=True)
        self._attributes.mkdir(exist_ok=True)
        if not self._key_file.exists():
            key = {
                "access_key_id": secrets.token_hex(10),
                "secret_access_key": secrets.token_hex(20),
            }
            write_private(self._key_file, json.dumps(key, indent=2) + "\n")

    def key(self) -> dict[str, str]:
        """The access key, by the names that a Secret for s3 has."""
        found: dict[str, str] = json.loads(self._key_file.read_text())
        return found

    def command(self, program: Path) -> list[str]:
        return [
            str(program),
            f"--port={HOST}:{self.ports.claim(NAME)}",
            f"--health={HEALTH}",
            "--quiet",
            "posix",
            f"--sidecar={self._attributes}",
            str(self.data),
        ]

    def environment(self, inherited: Mapping[str, str] | None) -> dict[str, str]:
        """With the access key, which a command line would show to every user of the machine."""
        key = self.key()
        return {
            **(os.environ if inherited is None else inherited),
            "ROOT_ACCESS_KEY_ID": key["access_key_id"],
            "ROOT_SECRET_ACCESS_KEY": key["secret_access_key"],
        }

    def variables(self) -> dict[str, str]:
        """What S3 clients in a person's shell read."""
        key = self.key()
        return {
            "OBJECT_STORE_URL": self.url,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
            "AWS_REGION": "us-east-1",
        }

    @property
    def _key_file(self) -> Path:
        return self.directory / f"{NAME}-key.json"

    @property
    def _attributes(self) -> Path:
        """For what a file cannot hold, such as ETags: not every file system has attributes for it.

        versitygw refuses a path that begins like that of the objects.
        """
        return self.directory / "storage-attributes"
