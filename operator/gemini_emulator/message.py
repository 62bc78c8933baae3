"""What is signed: one attempt at a delivery."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """One attempt; `timestamp` is in seconds since 1970, `uri` the address that is called."""

    id: str
    timestamp: int
    body: bytes
    uri: str
