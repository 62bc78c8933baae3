"""The keys that sign callback addresses, through the life of a release on a real API server."""

import json
import subprocess
from base64 import b64decode
from typing import Any

import pytest

from local.chart import CHART, RELEASE
from local.control_plane import ControlPlane

SECRET = f"{RELEASE}-callback-keys"


class Release:
    """A release of the chart; its pods never run."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self.namespace = namespace

    def helm(self, *arguments: str, values: Any = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [
                str(self._plane.binaries.helm),
                *arguments,
                *("--namespace", self.namespace),
                *(("--values", "-") if values is not None else ()),
            ],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
            env=self._plane.kubectl.environment(),
        )

    def upgrade(self, **keys: Any) -> str:
        """Install or upgrade with these callbackKeys. Return Helm's error, or nothing."""
        values = {
            "crds": {"enabled": False},
            "fullnameOverride": RELEASE,
            "callbackKeys": keys,
            "rbac": {"create": False, "aggregate": False},
            "admissionPolicy": {"enabled": False},
        }
        return self.helm("upgrade", "--install", RELEASE, str(CHART), values=values).stderr

    def keys(self) -> dict[str, str]:
        secret = self._plane.kubectl("-n", self.namespace, "get", "secret", SECRET, "-o", "json")
        data = json.loads(secret)["data"]
        return {name: b64decode(value).decode() for name, value in data.items()}


@pytest.fixture
def release(cluster: ControlPlane, namespace: str) -> Release:
    found = Release(cluster, namespace)
    assert found.upgrade() == ""
    return found


def test_s18_a_key_is_made_once_and_has_the_form_that_the_processes_need(release: Release) -> None:
    first = release.keys()
    assert list(first) == ["key-1"]
    assert len(first["key-1"]) == 64
    assert int(first["key-1"], 16)
    assert release.upgrade() == ""
    assert release.keys() == first


def test_s18_a_rotation_in_three_steps_keeps_what_is_in_use(release: Release) -> None:
    first = release.keys()["key-1"]
    assert release.upgrade(ids=["key-1", "key-2"]) == ""
    second = release.keys()["key-2"]
    assert release.keys() == {"key-1": first, "key-2": second}
    assert release.upgrade(ids=["key-1", "key-2"], signingId="key-2") == ""
    assert release.upgrade(ids=["key-2"]) == ""
    assert release.keys() == {"key-2": second}


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"ids": ["key-2"]}, "has none of the keys in Secret"),
        ({"ids": ["key-2", "key-1"]}, '"key-2" would sign before any receiver has it'),
        ({"ids": ["key-1", "key-2"], "signingId": "key-2"}, "would sign before any receiver"),
    ],
    ids=["another key at once", "the new one first", "signing at once"],
)
def test_s18_a_rotation_that_leaves_a_step_out_is_refused(
    release: Release, keys: dict[str, Any], says: str
) -> None:
    before = release.keys()
    assert says in release.upgrade(**keys)
    assert release.keys() == before


def test_keys_outlive_the_release_and_serve_the_next_one(release: Release) -> None:
    before = release.keys()
    assert release.helm("uninstall", RELEASE).returncode == 0
    assert release.keys() == before
    assert release.upgrade() == ""
    assert release.keys() == before
