"""Payloads: requests read from the job's input, results written to its output."""
