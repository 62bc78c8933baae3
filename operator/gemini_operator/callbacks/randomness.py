"""Recognises keys that nobody drew at random: zeros, one byte over and over, patterns, counting.

Each rule below is met by a random key with a probability of less than 2⁻⁶⁶, all of them together
with less than 2⁻⁶⁵, so a key from `openssl rand` is never refused.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

# A uniform key has at most these many different values with a probability of about
# C(256, 12)·(12/256)³¹ ≈ 2⁻⁷⁰ and C(16, 6)·(6/16)⁶³ ≈ 2⁻⁷⁶.
_FEW_BYTES = 12
_FEW_DIGITS = 6
# One value as often as this: 256·C(32, 13)·256⁻¹³ ≈ 2⁻⁶⁸ and 16·C(64, 33)·16⁻³³ ≈ 2⁻⁶⁷.
_OFTEN_BYTE = 13
_OFTEN_DIGIT = 33
# In hexadecimal digits: the other 18 would have to repeat the ones before, 16⁻¹⁸ = 2⁻⁷².
_LONGEST_PERIOD = 46


def looks_random(secret: bytes) -> bool:
    """Whether these 32 bytes could have been drawn at random; False for an obvious pattern."""
    digits = [half for byte in secret for half in (byte >> 4, byte & 15)]
    return not (
        _is_monotonous(secret, 256, _FEW_BYTES, _OFTEN_BYTE)
        or _is_monotonous(digits, 16, _FEW_DIGITS, _OFTEN_DIGIT)
        or _repeats(digits)
    )


def _is_monotonous(values: Sequence[int], base: int, few: int, often: int) -> bool:
    """Whether the values, or the steps between them, are few different ones or mostly one."""
    steps = [(after - before) % base for before, after in pairwise(values)]
    counts = Counter(values)
    return len(counts) <= few or max(counts.values()) >= often or len(set(steps)) <= few


def _repeats(digits: Sequence[int]) -> bool:
    periods = range(1, _LONGEST_PERIOD + 1)
    return any(digits[period:] == digits[:-period] for period in periods)
