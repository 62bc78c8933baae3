"""Each prints a table and writes JSON. Run from the project's directory, as `python -m benchmarks.…`.

They stand on the tests' own processes and on the local control plane of `hack/`.
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]

sys.path[:0] = [str(PROJECT / "hack"), str(PROJECT)]
