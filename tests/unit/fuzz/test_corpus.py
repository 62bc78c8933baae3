"""The corpus of the fuzz targets, through the same functions without the engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.fuzz import targets

SEEDS = [(name, file) for name in targets.NAMES for file in targets.seeds(name)]


@pytest.fixture(autouse=True)
def logging() -> Iterator[None]:
    """The handler's target collects the log."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize(
    ("name", "file"), SEEDS, ids=[f"{name}-{file.name}" for name, file in SEEDS]
)
def test_a_seed_passes(name: str, file: Path) -> None:
    targets.replay(name, file)


@pytest.mark.parametrize("name", targets.NAMES)
def test_the_corpus_is_small(name: str) -> None:
    sizes = [file.stat().st_size for file in targets.seeds(name)]

    assert 0 < len(sizes) <= 24
    assert max(sizes) <= 4096
