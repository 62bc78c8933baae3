"""Files of the Gemini File API: look up, upload, download, delete."""

import base64
import binascii
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.genai.client import AsyncClient

from gemini_operator.api import names
from gemini_operator.base import sanitize
from gemini_operator.gemini import errors, uploads, wire
from gemini_operator.gemini.connection import GeminiConnection
from gemini_operator.gemini.measure import measured
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.gemini.transport import Exchange
from gemini_operator.gemini.uploads import NewFile, Upload


@dataclass(frozen=True)
class FileInfo:
    """A file at Google, without its content."""

    name: str
    display_name: str
    """Sanitised and cut to 512 characters."""
    mime_type: str
    size: int
    """Bytes."""
    sha256: str | None
    """Of the content, in hexadecimal; `None` if Google gives none."""
    state: str
    """Google's word: PROCESSING, ACTIVE or FAILED."""
    expires: datetime | None


class Files:
    """The File API for one API key. Every method raises `errors.GeminiError`s only.

    Args:
        connection: to Google, with the key.
        sdk: uses that connection.
        settings: timeouts.
    """

    def __init__(
        self, connection: GeminiConnection, sdk: AsyncClient, settings: GeminiSettings
    ) -> None:
        self._connection = connection
        self._sdk = sdk
        self._settings = settings

    async def get(self, name: str) -> FileInfo:
        """Look a file up.

        Raises:
            NotFound: there is no such file for this key.
            CredentialsRejected, Throttled, Unavailable, Rejected: Google did not answer with it.
        """
        _check(name)
        with measured("files.get"), _missing_files():
            return _info(await self._connection.read(name, call="files.get"), name)

    async def download(self, name: str, limit: int) -> AsyncGenerator[bytes, None]:
        """Yield a file's content in pieces of at most 1 MiB; close the iterator (`aclosing`).

        Args:
            name: `files/…`.
            limit: bytes, after decompression.

        Raises:
            TooLarge: the content exceeds `limit`; raised instead of the piece that exceeds it.
            NotFound: there is no such file for this key.
            CredentialsRejected, Throttled, Unavailable, Rejected: the content could not be read, or
                not to its end.
        """
        call = "files.download"
        _check(name)
        read = 0
        with measured(call), _missing_files():
            media = {"alt": "media"}
            opened = self._connection.stream(f"{name}:download", call=call, params=media)
            async with opened as pieces:
                async for piece in pieces:
                    read += len(piece)
                    if read > limit:
                        raise errors.TooLarge(f"{call}: the file is larger than {limit} bytes")
                    yield piece

    async def start_upload(self, file: NewFile) -> Upload:
        """Start an upload of JSON Lines.

        Raises:
            Rejected: Google refuses the file, or sends the upload to another address.
            NotSent: this process may no longer act.
            CredentialsRejected, Throttled, Unavailable: it was not started.
        """
        _check(file.name)
        return await uploads.start(self._connection, self._settings, file)

    async def finish_upload(self, upload: Upload, name: str) -> FileInfo:
        """Send the last chunk, and return the file as Google has it.

        Raises:
            NotFound: Google's answer was lost, and there is no such file.
            GeminiError: it did not take the chunk after several tries.
        """
        resource = await upload.finish()
        return await self.get(name) if resource is None else _info(resource, name)

    async def delete(self, name: str) -> None:
        """Delete a file.

        Raises:
            NotFound: there is no such file for this key.
            NotSent: this process may no longer act.
            CredentialsRejected, Throttled, Unavailable, Rejected: it was not deleted.
        """
        _check(name)
        with measured("files.delete"), _missing_files():
            await self._connection.exchange(
                lambda: self._sdk.files.delete(name=name),
                Exchange(),
                call="files.delete",
                seconds=self._settings.timeout,
            )


@contextmanager
def _missing_files() -> Iterator[None]:
    """Turn Google's 403 for a file that does not exist into `NotFound`.

    Source: https://github.com/google-gemini/deprecated-generative-ai-js/issues/236
    """
    try:
        yield
    except errors.CredentialsRejected as error:
        if error.status == 403 and "or it may not exist" in str(error):
            raise errors.NotFound(str(error), status=error.status) from None
        raise


def _check(name: str) -> None:
    if not names.matches(names.FILE_NAME, name):
        raise errors.Rejected("not the name of a file; nothing was sent")


def _info(resource: Mapping[str, Any], name: str) -> FileInfo:
    # As for batches: another file's state must not be taken for this one's.
    if resource.get("name") != name:
        raise errors.Unavailable("files.get: Google's answer is about another file", status=200)
    return FileInfo(
        name=name,
        display_name=sanitize.text(resource.get("displayName"), 512),
        mime_type=sanitize.text(resource.get("mimeType"), 128),
        size=sanitize.count(resource.get("sizeBytes")),
        sha256=_sha256(resource.get("sha256Hash")),
        state=sanitize.state(resource.get("state")),
        expires=wire.time(resource.get("expirationTime")),
    )


def _sha256(encoded: object) -> str | None:
    """Return the digest in hexadecimal. Google sends base64, of the digest or of its hex digits.

    Source: https://github.com/googleapis/js-genai/issues/381
    """
    try:
        decoded = base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError):
        return None
    digest = decoded.hex() if len(decoded) == 32 else decoded.decode("ascii", "replace").lower()
    return digest if names.matches(names.SHA256, digest) else None
