"""Recognises keys that are not random: zeros, a repeated byte, patterns, counting.

A random key meets each rule below with a probability of less than 2⁻⁶⁶, and any of them with less
than 2⁻⁶⁵. So a key from `openssl rand` is never refused.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

# A random key has at most this many different values with a probability of about
# C(256, 12)·(12/256)³¹ ≈ 2⁻⁷⁰ and C(16, 6)·(6/16)⁶³ ≈ 2⁻⁷⁶.
_FEW_BYTES = 12
_FEW_DIGITS = 6
# It has one value at least this often with a probability of
# 256·C(32, 13)·256⁻¹³ ≈ 2⁻⁶⁸ and 16·C(64, 33)·16⁻³³ ≈ 2⁻⁶⁷.
_OFTEN_BYTE = 13
_OFTEN_DIGIT = 33
# The longest period, in hexadecimal digits: the other 18 repeat earlier ones with 16⁻¹⁸ = 2⁻⁷².
_LONGEST_PERIOD = 46


def looks_random(secret: bytes) -> bool:
    """Return whether 32 bytes may be random; False for an obvious pattern."""
    digits = [half for byte in secret for half in (byte >> 4, byte & 15)]
    return not (
        _is_monotonous(secret, 256, _FEW_BYTES, _OFTEN_BYTE)
        or _is_monotonous(digits, 16, _FEW_DIGITS, _OFTEN_DIGIT)
        or _repeats(digits)
    )


def _is_monotonous(values: Sequence[int], base: int, few: int, often: int) -> bool:
    """Return whether few different values, or few different steps, make up the sequence."""
    # Steps recognise counting: 00 01 02 … has 32 different bytes and one step.
    steps = [(after - before) % base for before, after in pairwise(values)]
    counts = Counter(values)
    return len(counts) <= few or max(counts.values()) >= often or len(set(steps)) <= few


def _repeats(digits: Sequence[int]) -> bool:
    periods = range(1, _LONGEST_PERIOD + 1)
    return any(digits[period:] == digits[:-period] for period in periods)
