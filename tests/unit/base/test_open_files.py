import subprocess
import sys

import pytest

SCRIPT = """
import resource
from gemini_operator.base import open_files

resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
open_files.raise_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard"), [(256, 512), (512, 512)])
def test_s20_the_process_may_have_as_many_sockets_as_the_system_lets_it(
    soft: int, hard: int
) -> None:
    script = SCRIPT.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.split() == [b"512", b"512"]
