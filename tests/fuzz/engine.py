"""Run one target in this process, with atheris.

Arguments: the target, the directory for crashes, and libFuzzer's own.
"""

import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

OneInput = Callable[[bytes], None]

# What a stranger's bytes run through. C code is not seen: aiohttp's parser, OpenSSL, re.
INSTRUMENTED = [
    "gemini_operator.receiver",
    "gemini_operator.callbacks",
    "gemini_operator.api.model",
    "aiohttp.web_protocol",
    "aiohttp.web_request",
    "aiohttp.http_parser",
    "aiohttp.streams",
    "jwt",
    "json",
    "tests.fuzz",
    "base64",
]


def main() -> None:
    name, crashes, *arguments = sys.argv[1:]
    settings = [sys.argv[0], f"-artifact_prefix={crashes}/", *arguments]
    atheris.Setup(settings, _kept(_load(name), Path(crashes)), internal_libfuzzer=True)
    atheris.Fuzz()


def _load(name: str) -> OneInput:
    with atheris.instrument_imports(include=INSTRUMENTED):
        found: OneInput = importlib.import_module(f"tests.fuzz.{name}").one_input
    return found


def _kept(one_input: OneInput, crashes: Path) -> OneInput:
    """Return a target that writes an input which fails, under the name that libFuzzer gives it.

    libFuzzer writes it too, but only after Python has shut down: its own alarm may end it first.
    """

    def kept(data: bytes) -> None:
        try:
            one_input(data)
        except Exception:
            path = crashes / f"crash-{hashlib.sha1(data).hexdigest()}"
            path.write_bytes(data)
            print(f"Test unit written to {path}", file=sys.stderr, flush=True)
            raise

    return kept


if __name__ == "__main__":
    main()
