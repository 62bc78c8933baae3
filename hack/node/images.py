"""The images of the node: the stand-in base, the pause image, and this project's own."""

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from local.places import cache_root
from local.toolchain import find_go
from node.buildah import Buildah
from node.commands import run

ROOT = Path(__file__).parents[2]
PAUSE_SOURCE = Path(__file__).with_name("pause")
PAUSE = "localhost/pause:1"
BASE = "localhost/gemini-operator-base:bookworm"
IMAGE = "docker.io/library/gemini-operator:e2e"
DEBOOTSTRAP_TIMEOUT = 600.0

Report = Callable[[str], None]


def buildah(environment: Mapping[str, str] = os.environ) -> Buildah:
    """The image store in the cache."""
    store = cache_root(environment) / "images"
    store.mkdir(parents=True, exist_ok=True)
    return Buildah(store)


def ensure_base(report: Report, environment: Mapping[str, str] = os.environ) -> str:
    """Make the stand-in base image once: Debian with Python, from Debian's packages.

    It stands in for the official Python image, which is not reachable everywhere.

    Returns:
        the name of the image.
    """
    images = buildah(environment)
    if images.has(BASE):
        return BASE
    report("making the stand-in base image with debootstrap; later it is cached")
    root = images.store / "base"
    shutil.rmtree(root, ignore_errors=True)
    try:
        _debootstrap(root)
        images.commit_directory(root, BASE)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return BASE


def ensure_pause(report: Report, environment: Mapping[str, str] = os.environ) -> Path:
    """Build the image that holds a pod's namespaces, once.

    Returns:
        a docker-archive.
    """
    images = buildah(environment)
    archive = images.store / "pause.tar"
    if archive.exists():
        return archive
    report("building the pause image; later it is cached")
    context = images.store / "pause"
    context.mkdir(exist_ok=True)
    go = find_go(PAUSE_SOURCE, cache_root(environment), report)
    settings = {**environment, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    command = [str(go), "build", "-trimpath", "-ldflags=-s -w", "-o", str(context / "pause"), "."]
    run(command, timeout=300, directory=PAUSE_SOURCE, environment=settings)
    shutil.copy(PAUSE_SOURCE / "Dockerfile", context)
    images.build(context, PAUSE)
    images.write_archive(PAUSE, archive)
    shutil.rmtree(context)
    return archive


def build_image(
    archive: Path, image: str, report: Report, environment: Mapping[str, str] = os.environ
) -> Path:
    """Build this project's image with the stand-in base.

    Returns:
        `archive`, a docker-archive.
    """
    images = buildah(environment)
    base = ensure_base(report, environment)
    report(f"building {image}")
    images.build(ROOT, image, {"BASE": base, "VERSION": _version(), "REVISION": _revision()})
    report(f"writing {archive}")
    archive.parent.mkdir(parents=True, exist_ok=True)
    images.write_archive(image, archive)
    return archive


def _debootstrap(root: Path) -> None:
    """In a mount namespace, so that no mount is left behind whatever happens."""
    packages = "--include=python3,python3-venv,ca-certificates"
    command = ["debootstrap", "--variant=minbase", packages, "bookworm", str(root)]
    run(["unshare", "--mount", "--fork", "--kill-child", *command], timeout=DEBOOTSTRAP_TIMEOUT)
    for caches in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / caches, ignore_errors=True)
        (root / caches).mkdir()


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return str(project["project"]["version"])


def _revision() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
