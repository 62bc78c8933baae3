"""The receiver: verifies Google's callbacks, and records them on their jobs."""
