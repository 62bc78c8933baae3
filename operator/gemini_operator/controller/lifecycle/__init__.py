"""One file per policy: pure functions from what is known to what is to be done.

A policy gets a `View` (and what a read of the batch gave) and answers with a `Decision`, or with
`None` when it has nothing to say. Nothing here does I/O or looks at a clock.
"""
