"""A local Gemini API: batches, files and signed callbacks, for tests, demos and anyone without a key.

It is Google's side of the conversation and imports nothing of the operator.
"""
