"""Unfinished uploads: each has a folder with its record and what was received."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe

from gemini_emulator.errors import ApiError, invalid_argument, not_found
from gemini_emulator.files import File, FileStore
from gemini_emulator.schedule import TimeSource
from gemini_emulator.store import read_records, write_json

MAX_FILE_BYTES = 2 * 2**30
MAX_STORED_BYTES = 20 * 2**30
"""Of all files of a project (https://ai.google.dev/gemini-api/docs/files)."""


@dataclass
class Upload:
    """An unfinished upload: `expected` bytes were announced, `received` are on disk."""

    id: str
    project: str
    file_id: str
    display_name: str
    mime_type: str
    expected: int | None
    received: int = 0


class Uploads:
    """The unfinished uploads of all projects; a restart loses no complete chunk."""

    def __init__(
        self,
        root: Path,
        files: FileStore,
        clock: TimeSource,
        *,
        max_bytes: int = MAX_FILE_BYTES,
        max_stored_bytes: int = MAX_STORED_BYTES,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_stored_bytes = max_stored_bytes
        self._root = root
        self._files = files
        self._clock = clock
        self._uploads = {r["id"]: Upload(**r) for _, r in read_records(root, "upload.json")}

    def start(self, upload: Upload) -> Upload:
        """Start an upload.

        Raises:
            ApiError: 409, the file exists; 400, it is too large; 429, the project has no room for it.
        """
        self._check_free(upload)
        self._check_size(upload.expected or 0)
        self._check_room(upload, upload.expected or 0)
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
        """Append one chunk; a chunk that breaks off counts as not received."""
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

    async def finalize(self, upload: Upload) -> File:
        """Turn a complete upload into a file.

        Raises:
            ApiError: 400, bytes are missing; 404, it was cancelled meanwhile; 409, the file exists;
                429, the project has no room for it.
        """
        self.find(upload.id)
        if upload.expected is not None and upload.received != upload.expected:
            raise invalid_argument(
                f"{upload.expected} bytes were announced, but {upload.received} were received."
            )
        with self._content(upload).open("rb") as content:
            digest = await asyncio.to_thread(hashlib.file_digest, content, "sha256")
        # What was cancelled must not become a file later.
        self.find(upload.id)
        self._check_free(upload)
        self._check_room(upload, upload.received)
        file = File(
            id=upload.file_id,
            project=upload.project,
            display_name=upload.display_name,
            mime_type=upload.mime_type,
            size=upload.received,
            sha256=digest.hexdigest(),
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
        if size > self._max_bytes:
            raise invalid_argument(
                f"The file is larger than the {self._max_bytes} bytes that are allowed."
            )

    def _check_room(self, upload: Upload, size: int) -> None:
        if self._files.stored(upload.project) + size > self._max_stored_bytes:
            raise _storage_full(self._max_stored_bytes)

    def _check_free(self, upload: Upload) -> None:
        if self._files.get(upload.project, upload.file_id):
            raise ApiError(409, "Requested entity already exists")

    def _save(self, upload: Upload) -> None:
        write_json(self._folder(upload) / "upload.json", asdict(upload))

    def _folder(self, upload: Upload) -> Path:
        return self._root / upload.id

    def _content(self, upload: Upload) -> Path:
        return self._folder(upload) / "content"


def new_upload_id() -> str:
    """Return an upload id that cannot be guessed: nothing else authorizes the chunks."""
    return token_urlsafe(24)


def _storage_full(limit: int) -> ApiError:
    """Return what Google answers (googleapis/python-genai#1172): trying again has no time."""
    metric = "generativelanguage.googleapis.com/file_storage_bytes"
    violation = {
        "quotaMetric": metric,
        "quotaId": "FileStorageBytesPerProject",
        "quotaValue": str(limit),
    }
    rpc = "type.googleapis.com/google.rpc."
    return ApiError(
        429,
        "You exceeded your current quota, please check your plan and billing details.\n"
        f"* Quota exceeded for metric: {metric}, limit: {limit}",
        details=[
            {"@type": f"{rpc}QuotaFailure", "violations": [violation]},
            {"@type": f"{rpc}RetryInfo", "retryDelay": f"{2**63 - 1}s"},
        ],
    )
