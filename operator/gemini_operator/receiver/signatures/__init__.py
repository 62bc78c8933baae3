"""Verify the signatures of a delivery, without I/O."""
