"""The Dockerfile, read as text: building it takes a minute and needs root."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def copied() -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [path for line in lines for path in line.split()]


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    assert sorted(f"!{path}" for path in copied()) == sorted(
        line for line in IGNORED if line.startswith("!")
    )
    assert all((ROOT / path).exists() for path in copied())


def test_s25_every_download_is_checked_by_hash() -> None:
    commands = DOCKERFILE.replace("\\\n", " ").split("\n")
    installs = [part for line in commands for part in line.split("&&") if " install " in part]
    assert installs
    assert all("--require-hashes" in part or "/wheels/" in part for part in installs)


def test_the_program_does_not_run_as_root() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "\nUSER 65532:65532\n" in final
    assert 'ENTRYPOINT ["/opt/gemini-operator/bin/gemini-operator"]' in final
    assert all(
        f"org.opencontainers.image.{label}=" in final
        for label in ("title", "description", "source", "licenses", "version", "revision")
    )
