"""Files of Go modules that are test data, such as other projects' CRDs."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from local.errors import LocalError
from local.places import MODULE, kubernetes_cache
from local.toolchain import find_go

TIMEOUT = 300.0


def download(module: str, digest: str, report: Callable[[str], None] = print) -> Path:
    """The directory of `module`, a path with a version: `example.org/x@v1.2.3`.

    Raise LocalError if it cannot be downloaded, or is not the one with that digest.
    """
    go = find_go(MODULE, kubernetes_cache(os.environ).parent, report)
    command = [str(go), "mod", "download", "-json", module]
    done = subprocess.run(
        command, cwd=MODULE, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    found = json.loads(done.stdout or "{}")
    if "Dir" not in found:
        raise LocalError(f"{module} cannot be downloaded: {found.get('Error') or done.stderr}")
    if found["Sum"] != digest:
        raise LocalError(f"{module} has the digest {found['Sum']} instead of {digest}")
    return Path(found["Dir"])
