"""Reads and lists of existing batches: with which API key, and how often."""
