"""Resumable uploads: a session each, with the bytes received so far in a file."""

import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe

from gemini_emulator.errors import ApiError, invalid_argument, not_found
from gemini_emulator.files import MOST_BYTES, File, Files
from gemini_emulator.store import records, write_json
from gemini_emulator.timestamps import Clock


@dataclass
class Upload:
    """An unfinished upload; `received` bytes are safe on disk, `expected` were announced."""

    id: str
    project: str
    file_id: str
    display_name: str
    mime_type: str
    expected: int | None
    received: int = 0


class Uploads:
    """The sessions of all projects; they survive a restart at the end of their last chunk."""

    def __init__(
        self, root: Path, files: Files, clock: Clock, *, most_bytes: int = MOST_BYTES
    ) -> None:
        self._most_bytes = most_bytes
        self._root = root
        self._files = files
        self._clock = clock
        self._uploads = {r["id"]: Upload(**r) for _, r in records(root, "upload.json")}

    def start(self, upload: Upload) -> Upload:
        """Open a session; ApiError where the file exists or is too large."""
        self._check_free(upload)
        self._check_size(upload.expected or 0)
        self._folder(upload).mkdir(mode=0o700, parents=True)
        self._content(upload).touch()
        self._save(upload)
        self._uploads[upload.id] = upload
        return upload

    def find(self, upload_id: str) -> Upload:
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise not_found()
        return upload

    async def receive(self, upload: Upload, offset: int, chunks: AsyncIterator[bytes]) -> None:
        """Append one chunk; a broken one leaves the session where it was."""
        if offset != upload.received:
            raise invalid_argument(
                f"The upload offset is {offset}, but {upload.received} bytes were received."
            )
        end = offset
        with self._content(upload).open("r+b") as file:
            file.truncate(offset)
            file.seek(offset)
            async for chunk in chunks:
                end += len(chunk)
                self._check_size(end)
                file.write(chunk)
        upload.received = end
        if upload.id in self._uploads:
            self._save(upload)

    def finalize(self, upload: Upload) -> File:
        """Turn a complete session into a file; this reads the content once, so use a thread."""
        if upload.expected is not None and upload.received != upload.expected:
            raise invalid_argument(
                f"{upload.expected} bytes were announced, but {upload.received} were received."
            )
        self._check_free(upload)
        with self._content(upload).open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        file = File(
            id=upload.file_id,
            project=upload.project,
            display_name=upload.display_name,
            mime_type=upload.mime_type,
            size=upload.received,
            sha256=digest,
            created=self._clock(),
        )
        self._files.add(file, self._content(upload))
        self.cancel(upload)
        return file

    def clear(self) -> None:
        for upload in tuple(self._uploads.values()):
            self.cancel(upload)

    def cancel(self, upload: Upload) -> None:
        self._uploads.pop(upload.id, None)
        (self._folder(upload) / "upload.json").unlink(missing_ok=True)
        shutil.rmtree(self._folder(upload), ignore_errors=True)

    def _check_size(self, size: int) -> None:
        if size > self._most_bytes:
            raise invalid_argument(
                f"The file is larger than the {self._most_bytes} bytes that are allowed."
            )

    def _check_free(self, upload: Upload) -> None:
        if self._files.get(upload.project, upload.file_id):
            raise ApiError(409, "Requested entity already exists")

    def _save(self, upload: Upload) -> None:
        write_json(self._folder(upload) / "upload.json", asdict(upload))

    def _folder(self, upload: Upload) -> Path:
        return self._root / upload.id

    def _content(self, upload: Upload) -> Path:
        return self._folder(upload) / "content"


def new_id() -> str:
    """Make the id of a session, which is all that its chunks are authorised by."""
    return token_urlsafe(24)
