"""Uploaded files and unfinished uploads: each has a folder with its record and its content."""

import asyncio
import base64
import hashlib
import re
import shutil
import string
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import choice, token_urlsafe
from typing import Any

from gemini_emulator.errors import ApiError, invalid_argument, not_found
from gemini_emulator.schedule import TimeSource, rfc3339
from gemini_emulator.store import read_records, write_json

FILE_LIFETIME = 48 * 3600.0
"""Seconds that a file is kept (https://ai.google.dev/gemini-api/docs/files)."""

MAX_FILE_BYTES = 2 * 2**30
MAX_STORED_BYTES = 20 * 2**30
"""Of all files of a project (https://ai.google.dev/gemini-api/docs/files)."""

_MAX_ID_LENGTH = 40
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class File:
    """One uploaded file; times are seconds since 1970, `sha256` is in hexadecimal."""

    id: str
    project: str
    display_name: str
    mime_type: str
    size: int
    sha256: str
    created: float

    def resource(self, base_url: str) -> dict[str, Any]:
        """Return the file as the API shows it.

        `sha256Hash` is base64 of the *hexadecimal* digest, as in the sample responses of
        https://ai.google.dev/api/files.
        """
        resource = {
            "name": f"files/{self.id}",
            "displayName": self.display_name,
            "mimeType": self.mime_type,
            "sizeBytes": str(self.size),
            "createTime": rfc3339(self.created),
            "updateTime": rfc3339(self.created),
            "expirationTime": rfc3339(self.created + FILE_LIFETIME),
            "sha256Hash": base64.b64encode(self.sha256.encode()).decode(),
            "uri": f"{base_url}/v1beta/files/{self.id}",
            "state": "ACTIVE",
            "source": "UPLOADED",
        }
        return {name: value for name, value in resource.items() if value}


class FileStore:
    """The files of all projects, in memory and on disk; expired files are hidden."""

    def __init__(self, root: Path, clock: TimeSource) -> None:
        self._root = root
        self._clock = clock
        found = (File(**record) for _, record in read_records(root, "file.json"))
        self._files = {(file.project, file.id): file for file in found}

    def __iter__(self) -> Iterator[File]:
        return iter([file for file in self._files.values() if self._is_current(file)])

    def stored(self, project: str) -> int:
        """Return the bytes of all files of the project."""
        return sum(file.size for file in self if file.project == project)

    def add(self, file: File, content: Path) -> None:
        """Add a file and move its content here."""
        folder = self._folder(file)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        content.replace(folder / "content")
        write_json(folder / "file.json", asdict(file))
        self._files[file.project, file.id] = file

    def get(self, project: str, file_id: str) -> File | None:
        file = self._files.get((project, file_id))
        return file if file and self._is_current(file) else None

    def find(self, project: str, file_id: str) -> File:
        """Return a file of the project.

        Google answers 403 for files that do not exist (googleapis/python-genai#1218,
        google-gemini/deprecated-generative-ai-js#236).

        Raises:
            ApiError: 403, there is none.
        """
        file = self.get(project, file_id)
        if file is None:
            raise no_access(file_id)
        return file

    def remove(self, file: File) -> None:
        del self._files[file.project, file.id]
        (self._folder(file) / "file.json").unlink(missing_ok=True)
        shutil.rmtree(self._folder(file), ignore_errors=True)

    def clear(self) -> None:
        for file in tuple(self._files.values()):
            self.remove(file)

    def content(self, project: str, file_id: str) -> Path | None:
        """Return the path of a file's content; None if there is no such file."""
        file = self.get(project, file_id)
        return self._folder(file) / "content" if file else None

    def _is_current(self, file: File) -> bool:
        return file.created + FILE_LIFETIME > self._clock()

    def _folder(self, file: File) -> Path:
        return self._root / f"{file.project}.{file.id}"


def no_access(file_id: str) -> ApiError:
    return ApiError(
        403,
        f"You do not have permission to access the File {file_id} or it may not exist.",
    )


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


def new_file_id() -> str:
    return "".join(choice(_ALPHABET) for _ in range(12))


def check_file_id(file_id: str, where: str) -> str:
    """Return the id if the File API accepts it.

    It refuses the ids of result files, which are too long: `files/batch-…` can be downloaded but
    not deleted (googleapis/python-genai#1759).

    Raises:
        ApiError: 400, the id is too long or has other characters.
    """
    if len(file_id) > _MAX_ID_LENGTH:
        raise invalid_argument(
            f"* {where}: File ID (name excluding 'files/') cannot be more than "
            f"{_MAX_ID_LENGTH} characters.\n"
        )
    if _ID.fullmatch(file_id) is None:
        raise invalid_argument(
            f"* {where}: File ID may only contain lowercase alphanumeric characters or dashes "
            "(-), and cannot begin or end with a dash.\n"
        )
    return file_id


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
