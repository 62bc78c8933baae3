from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def log_settings() -> Iterator[None]:
    """The handler's target collects the log; here other tests come after it."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
