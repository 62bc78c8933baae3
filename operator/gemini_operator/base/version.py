"""The version of the program, as it is installed."""

from importlib import metadata

VERSION = metadata.version("gemini-operator")
