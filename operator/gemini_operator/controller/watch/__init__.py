"""From the API server to a worker: what changed, and which job is looked at next."""
