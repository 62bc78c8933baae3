"""Finds keys that are in a stream several times, in 12 bytes of memory a key."""

import heapq
from array import array
from collections.abc import Iterator

_PARTITIONS = 256


class KeyDigests:
    """Remembers keys as digests of 64 bits, and a number for each, such as its line.

    The digests are Python's own hashes: SipHash with a random key for each process, so nobody can
    write keys with the same digest. By chance, 5 million different keys have two with the same digest
    once in 1.4 million files.
    """

    def __init__(self) -> None:
        self.count = 0
        # Partitions by the digest's last byte: each is small, so that looking for duplicates needs
        # little memory at a time and no long call in C.
        self._digests = [array("q") for _ in range(_PARTITIONS)]
        self._numbers = [array("I") for _ in range(_PARTITIONS)]

    def add(self, key: str, number: int) -> None:
        """Remember a key, in the order of the stream.

        Args:
            key: of one item of the stream.
            number: below 2³², as the line is in every text of less than 4 GiB.
        """
        digest = hash(key)
        self._digests[digest % _PARTITIONS].append(digest)
        self._numbers[digest % _PARTITIONS].append(number)
        self.count += 1

    def repeated(self) -> Iterator[int]:
        """Yield the number of each key that was there before."""
        for digests, numbers in self._with_duplicates():
            seen: set[int] = set()
            for digest, number in zip(digests, numbers, strict=True):
                if digest in seen:
                    yield number
                seen.add(digest)

    def duplicates(self, limit: int) -> list[tuple[int, int]]:
        """Return lines whose key an earlier line has: the first `limit`, each after that earlier line."""
        found = heapq.nsmallest(limit, ((later, first) for first, later in self._pairs()))
        return [(first, later) for later, first in found]

    def _pairs(self) -> Iterator[tuple[int, int]]:
        for digests, lines in self._with_duplicates():
            seen: dict[int, int] = {}
            for digest, line in zip(digests, lines, strict=True):
                first = seen.setdefault(digest, line)
                if first != line:
                    yield first, line

    def _with_duplicates(self) -> Iterator[tuple["array[int]", "array[int]"]]:
        """Yield the partitions that have a key twice."""
        for digests, numbers in zip(self._digests, self._numbers, strict=True):
            if len(set(digests)) < len(digests):
                yield digests, numbers
