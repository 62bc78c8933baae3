"""From the API server to the work queue: watch, event handler and cache sync."""
