"""Disables core dumps, which would contain every key in memory (S23)."""

import resource


def disable() -> None:
    """Disable core dumps of this process and its children."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
