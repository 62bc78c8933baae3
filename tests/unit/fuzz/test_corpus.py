"""The corpus of the fuzz targets, through the same functions without the engine."""

from pathlib import Path

import pytest

from tests.fuzz import targets

SEEDS = [
    pytest.param(name, file, id=f"{name}-{file.name}")
    for name in targets.NAMES
    for file in targets.seeds(name)
]


@pytest.mark.parametrize(("name", "file"), SEEDS)
def test_a_seed_passes(name: str, file: Path) -> None:
    targets.replay(name, file)


@pytest.mark.parametrize("name", targets.NAMES)
def test_the_corpus_is_small(name: str) -> None:
    sizes = [file.stat().st_size for file in targets.seeds(name)]

    assert 0 < len(sizes) <= 24
    assert max(sizes) <= 4096
