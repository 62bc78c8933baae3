"""The lifecycle policies, one file each: pure functions from a snapshot to a decision.

A policy gets a `Snapshot` (and, if the batch was read, the result) and returns a `Decision`, or
`None` if it does not apply. Nothing here does I/O or reads a clock.
"""
