"""Builds images with buildah, in a store of its own, without a daemon."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.commands import run, succeeds

BUILD_TIMEOUT = 1200.0
HOST_SETTINGS = (Path("/etc/pip.conf"), Path("/etc/ssl/certs"))
"""Where the host has settings for pip, a build needs them too."""


@dataclass(frozen=True)
class Buildah:
    """
    An image store.

    Args:
        store: its directory.
    """

    store: Path

    def has(self, image: str) -> bool:
        return succeeds(
            self._command("inspect", "--type", "image", image), environment=self._environment()
        )

    def build(self, context: Path, image: str, arguments: Mapping[str, str] | None = None) -> None:
        """Build the Dockerfile of the directory `context`. Steps that did not change are cached.

        Raises:
            LocalError: with the last line that buildah wrote.
        """
        values = [f"--build-arg={name}={value}" for name, value in (arguments or {}).items()]
        before = self._id(image)
        flags = ("--layers", "--network=host", *_volumes(), *values)
        self._run("build", *flags, "--tag", image, str(context))
        if before and before != self._id(image):
            succeeds(self._command("rmi", before), environment=self._environment())

    def commit_directory(self, root: Path, image: str) -> None:
        """Make an image of one layer from a root file system."""
        container = self._run("from", "scratch").strip()
        try:
            self._run("copy", "--quiet", container, str(root), "/")
            self._run("commit", "--quiet", container, image)
        finally:
            self._run("rm", container)

    def write_archive(self, image: str, archive: Path) -> None:
        """Write a docker-archive. It appears under its name only when it is whole."""
        unfinished = archive.with_name(f".{archive.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        self._run("push", "--quiet", image, f"docker-archive:{unfinished}:{image}")
        unfinished.replace(archive)

    def _id(self, image: str) -> str:
        found = self._run("images", "--quiet", "--no-trunc", "--filter", f"reference={image}")
        return found.strip()

    def _run(self, *arguments: str) -> str:
        command = self._command(*arguments)
        return run(command, timeout=BUILD_TIMEOUT, environment=self._environment())

    def _environment(self) -> dict[str, str]:
        configuration = str(self._configuration())
        return {**os.environ, "BUILDAH_ISOLATION": "chroot", "CONTAINERS_CONF": configuration}

    def _configuration(self) -> Path:
        """Otherwise buildah makes a directory in /etc for networks, which it does not use here."""
        file = self.store / "containers.conf"
        file.write_text(f'[network]\nnetwork_config_dir = "{self.store / "networks"}"\n')
        return file

    def _command(self, *arguments: str) -> Sequence[str]:
        """In a mount namespace: buildah leaves its store mounted."""
        places = f"--root={self.store / 'storage'}", f"--runroot={self.store / 'run'}"
        buildah = ("buildah", "--storage-driver=overlay", *places, *arguments)
        return ["unshare", "--mount", "--fork", "--kill-child", *buildah]


def _volumes() -> list[str]:
    if not HOST_SETTINGS[0].exists():
        return []
    return [f"--volume={path}:{path}:ro" for path in HOST_SETTINGS if path.exists()]
