"""The keys that sign callbacks, and the public set that verifies them."""

from pathlib import Path
from typing import Any, Literal, Protocol

from gemini_emulator.ed25519 import Ed25519Signer
from gemini_emulator.message import Message
from gemini_emulator.rs256 import TokenSigner

Mode = Literal["v1a", "jwt", "both"]


class Signer(Protocol):
    """One kind of signature; its keys are kept in a file of their own."""

    def sign(self, message: Message) -> str: ...
    def public_keys(self) -> list[dict[str, str]]: ...
    def rotate(self) -> None: ...


class SigningKeys:
    """The kinds of signature that the mode asks for."""

    def __init__(self, folder: Path, mode: Mode) -> None:
        # Google's JWKS shows the Ed25519 keys whichever way a callback is signed.
        self._ed25519 = Ed25519Signer(folder / "ed25519.json")
        tokens = [] if mode == "v1a" else [TokenSigner(folder / "rs256.json")]
        self._all: list[Signer] = [self._ed25519, *tokens]
        self._signing: list[Signer] = [*tokens] if mode == "jwt" else self._all

    def signature(self, message: Message) -> str:
        """Make the `webhook-signature` header: one entry, or two separated by a space."""
        return " ".join(signer.sign(message) for signer in self._signing)

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key for signer in self._all for key in signer.public_keys()]}

    def rotate(self) -> None:
        """Sign with new keys from now on."""
        for signer in self._all:
            signer.rotate()
