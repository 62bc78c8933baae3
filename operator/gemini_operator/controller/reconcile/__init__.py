"""One pass over one job: observe, decide, act, write."""
