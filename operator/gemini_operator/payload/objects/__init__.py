"""Reads requests from, and writes results to, object storage and https servers."""
