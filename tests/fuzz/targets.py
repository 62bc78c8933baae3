"""The targets by name. Each is a module with `one_input(data)`, which raises if a property fails."""

import importlib
from pathlib import Path

NAMES = (
    "ed25519",
    "rs256",
    "hmac_sha256",
    "headers",
    "jwks",
    "address",
    "event",
    "handler",
)
CORPUS = Path(__file__).parent / "corpus"


def replay(name: str, file: Path) -> None:
    """Run one input without the engine.

    Raises:
        AssertionError: a property fails.
    """
    # Late, so that the engine can instrument what a target imports.
    importlib.import_module(f"tests.fuzz.{name}").one_input(file.read_bytes())


def seeds(name: str) -> list[Path]:
    return sorted((CORPUS / name).iterdir())
