"""Fuzz targets of everything that a stranger's bytes reach. `python -m tests.fuzz` runs them."""
