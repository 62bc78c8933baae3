"""GeminiBatchJobs, sent to the real API server."""

import pytest

from local.control_plane import ControlPlane
from tests.integration.api.jobs import Jobs


@pytest.fixture
def jobs(control_plane: ControlPlane, namespace: str) -> Jobs:
    return Jobs(control_plane.api, namespace)
