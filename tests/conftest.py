"""What every test may rely on."""

import os
import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import settings

from local import binaries, cluster
from local.control_plane import ControlPlane
from tests import tls_goodbyes

# A developer's own cluster, keys, settings and proxies must not reach a test.
FOREIGN = ("GEMINI_", "GOOGLE_", "KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
OURS = ("GEMINI_OPERATOR_CACHE",)

for name in list(os.environ):
    if name.upper().startswith(FOREIGN) and name not in OURS:
        del os.environ[name]

# `make test` tries a few dozen examples of each property; HYPOTHESIS_PROFILE=thorough a thousand.
settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


tls_goodbyes.end_at_close()


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With the project's CRDs. Shared by all tests: only its own namespace belongs to a test."""
    directory = tmp_path_factory.mktemp("control-plane")
    with ControlPlane(directory, binaries.present(), audit=True) as plane:
        cluster.apply_crds(plane)
        yield plane


SAMPLE_SEED = "SAMPLE_SEED"
# Before xdist starts its workers, which inherit it.
os.environ.setdefault(SAMPLE_SEED, str(random.randrange(10_000)))


def sample_seed() -> int:
    """What chooses where only a sample is tested; the same in every worker."""
    return int(os.environ[SAMPLE_SEED])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="all that `make test-all` runs, whole tables instead of samples",
    )


def pytest_report_header(config: pytest.Config) -> str:
    if config.getoption("exhaustive"):
        return "exhaustive: nothing is left out"
    return f"samples by {SAMPLE_SEED}={sample_seed()}; --exhaustive leaves nothing out"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put them in order, and leave out what is marked `exhaustive` unless it is asked for."""
    # What takes longest begins first, so that no worker is left alone with it at the end.
    items.sort(key=_place)
    if config.getoption("exhaustive"):
        return
    left_out: Sequence[pytest.Item] = [i for i in items if i.get_closest_marker("exhaustive")]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


LONG = (
    *("crash/test_kill_table.py", "test_quota", "test_shared_key", "test_poisonous_objects"),
    *("test_outage_of_the_api_server", "local/test_stack", "test_answers_to_create"),
    *("test_leader_election", "crash/test_pause_table", "test_outage_of_gemini", "test_outages"),
)


def _place(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((number for number, name in enumerate(LONG) if name in path), len(LONG))
