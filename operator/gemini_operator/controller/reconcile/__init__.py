"""One reconcile of one job: observe, decide, act, write."""
