"""Uploaded files: each has a folder with its record and its content."""

import base64
import re
import shutil
import string
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import choice
from typing import Any

from gemini_emulator.errors import ApiError, invalid_argument
from gemini_emulator.schedule import TimeSource, rfc3339
from gemini_emulator.store import read_records, write_json

FILE_LIFETIME = 48 * 3600.0
"""Seconds that a file is kept (https://ai.google.dev/gemini-api/docs/files)."""

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
