"""How many requests of each route have arrived, also before a restart."""

from collections import Counter
from pathlib import Path


class Counters:
    """One appended line per request: a killed process loses none, and none costs a rewrite."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log = path.open("ab+", buffering=0)
        self._log.seek(0)
        self._counts = Counter(line.decode().strip() for line in self._log)

    def count(self, route: str) -> None:
        self._counts[route] += 1
        self._log.write(f"{route}\n".encode())

    def snapshot(self) -> dict[str, int]:
        return dict(sorted(self._counts.items()))

    def clear(self) -> None:
        self._counts.clear()
        self._log.truncate(0)

    def close(self) -> None:
        self._log.close()
