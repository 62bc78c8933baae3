"""The S3 server of the emulator mode: its container's command, run here without its image."""

import os
import subprocess
from base64 import b64decode
from pathlib import Path

import obstore
from obstore.store import S3Store

from local import binaries
from local.ports import free_port
from local.services import answers
from tests.integration.chart.rendering import at, nested, one, render
from tests.waiting import eventually

VALUES = nested("emulator", {"enabled": True, "objectStore": {"enabled": True}})
POD = "spec/template/spec"


def test_the_server_starts_as_the_chart_says_and_has_the_bucket(tmp_path: Path) -> None:
    objects = render(VALUES)
    pod = at(one(objects, "Deployment", "-object-store"), POD)
    [init], [container] = pod["initContainers"], pod["containers"]
    secret = one(objects, "Secret", "object-store")["data"]
    keys = {
        each["name"]: b64decode(secret[each["valueFrom"]["secretKeyRef"]["key"]]).decode()
        for each in container["env"]
    }
    port = free_port()

    def here(words: list[str]) -> list[str]:
        return [
            word.replace("/storage", str(tmp_path)).replace("=:7070", f"=127.0.0.1:{port}")
            for word in words
        ]

    subprocess.run(here(init["command"]), check=True, timeout=10)
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [binaries.present().versitygw, *here(container["args"])], env={**os.environ, **keys}
    ) as server:
        try:
            path = container["readinessProbe"]["httpGet"]["path"]
            eventually(lambda: answers(f"{url}{path}"), timeout=30, what="the readiness probe")
            store = S3Store(
                "demo",
                endpoint=url,
                region="us-east-1",
                access_key_id=b64decode(secret["access_key_id"]).decode(),
                secret_access_key=b64decode(secret["secret_access_key"]).decode(),
                client_options={"allow_http": True},
            )
            obstore.put(store, "greeting", b"hello")
            assert bytes(obstore.get(store, "greeting").bytes()) == b"hello"
        finally:
            server.terminate()
