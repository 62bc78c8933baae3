"""A local Gemini API with batches, files and signed callbacks, for tests and demos without a key.

It emulates Google and imports nothing of the operator.
"""
