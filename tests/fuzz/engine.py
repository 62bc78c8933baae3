"""Run one target in this process, with atheris. All arguments but the first are libFuzzer's."""

import importlib
import sys
from types import ModuleType

import atheris

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
    name, *arguments = sys.argv[1:]
    target = _load(name)
    atheris.Setup([sys.argv[0], *arguments], target.one_input, internal_libfuzzer=True)
    atheris.Fuzz()


def _load(name: str) -> ModuleType:
    with atheris.instrument_imports(include=INSTRUMENTED):
        return importlib.import_module(f"tests.fuzz.{name}")


if __name__ == "__main__":
    main()
