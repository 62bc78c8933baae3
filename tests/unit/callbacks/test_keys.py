from collections.abc import Callable
from pathlib import Path

import pytest

from gemini_operator.callbacks.directory import RECHECK_SECONDS
from gemini_operator.callbacks.keys import KeyDirectory
from tests.callback_keys import KEY as ONE
from tests.callback_keys import OTHER_KEY as TWO


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def past_recheck(self) -> None:
        self.now += RECHECK_SECONDS


def ids(directory: KeyDirectory) -> list[str]:
    return [key.id for key in directory.verifying()]


def mount(root: Path, version: str, keys: dict[str, str]) -> None:
    """Lay files out as the kubelet mounts a Secret: a swapped `..data` link, links to its files."""
    (root / version).mkdir()
    for name, content in keys.items():
        (root / version / name).write_text(content)
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"..data/{name}")
    fresh = root / "..data_tmp"
    fresh.symlink_to(version)
    fresh.rename(root / "..data")


def test_s18_the_named_key_signs_and_all_verify(tmp_path: Path) -> None:
    """`10` sorts before `9`, so the order of names must not choose the signer."""
    (tmp_path / "9").write_text(ONE)
    (tmp_path / "10").write_text(TWO + "\n")
    directory = KeyDirectory(tmp_path, "9")
    assert directory.signing().id == "9"
    assert directory.signing().secret.get_secret_value() == bytes.fromhex(ONE)
    assert ids(directory) == ["10", "9"]


def test_s18_dotfiles_and_folders_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(ONE)
    (tmp_path / ".hidden").write_text("not a key")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "key").write_text("not a key")
    assert ids(KeyDirectory(tmp_path)) == ["key"]


@pytest.mark.parametrize(
    "content",
    ["", ONE[2:], ONE + "01", "0x" + ONE[2:], "zz" * 32, " " + ONE, ONE + "\n\n", "é" * 64],
)
def test_s18_anything_but_64_hex_characters_refuses_to_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(ValueError, match="64 hex characters") as refused:
        KeyDirectory(tmp_path)
    message = str(refused.value)
    assert str(tmp_path / "key") in message
    assert "\n" not in message
    assert len(content) < 8 or content not in message


@pytest.mark.parametrize("content", ["0" * 64, "F" * 64 + "\n", "0123456789abcdef" * 4])
def test_s18_a_key_that_can_be_guessed_refuses_to_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "good").write_text(ONE)
    (tmp_path / "key").write_text(content)
    with pytest.raises(ValueError, match="openssl rand -hex 32") as refused:
        KeyDirectory(tmp_path, "good")
    message = str(refused.value)
    assert str(tmp_path / "key") in message
    assert "\n" not in message
    assert content.strip() not in message


def test_s18_two_files_with_one_key_refuse_to_start(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(ONE)
    (tmp_path / "b").write_text(ONE.upper() + "\n")
    with pytest.raises(ValueError, match="a and b hold the same key"):
        KeyDirectory(tmp_path)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path.rmdir(), "No such file or directory"),
        (lambda path: (path.rmdir(), path.write_text(ONE)), "Not a directory"),
        (Path.is_dir, "holds no key file"),
        (lambda path: (path / "a key").write_text(ONE), "letters, digits"),
        (lambda path: (path / "other").write_text(ONE), "signing key 'key' is not in"),
    ],
)
def test_s18_an_unusable_directory_is_explained_in_one_line(
    tmp_path: Path, prepare: Callable[[Path], object], message: str
) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    prepare(folder)
    with pytest.raises(ValueError, match=message) as refused:
        KeyDirectory(folder, "key")
    assert "\n" not in str(refused.value)


def test_a_directory_without_a_named_signer_only_verifies(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(ONE)
    directory = KeyDirectory(tmp_path)
    with pytest.raises(ValueError, match="no callback signing key"):
        directory.signing()


def test_s18_rotation_needs_no_restart(tmp_path: Path) -> None:
    clock = Clock()
    mount(tmp_path, "..2026_01", {"old": ONE})
    directory = KeyDirectory(tmp_path, clock=clock)
    assert ids(directory) == ["old"]
    mount(tmp_path, "..2026_02", {"old": ONE, "new": TWO})
    clock.past_recheck()
    assert ids(directory) == ["new", "old"]


def test_s18_a_replaced_key_is_noticed_behind_the_same_name(tmp_path: Path) -> None:
    clock = Clock()
    mount(tmp_path, "..2026_01", {"key": ONE})
    directory = KeyDirectory(tmp_path, "key", clock=clock)
    mount(tmp_path, "..2026_02", {"key": TWO})
    clock.past_recheck()
    assert directory.signing().secret.get_secret_value() == bytes.fromhex(TWO)


def test_s18_files_are_looked_at_no_more_than_once_a_second(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "a").write_text(ONE)
    directory = KeyDirectory(tmp_path, clock=clock)
    (tmp_path / "b").write_text(TWO)
    clock.now += RECHECK_SECONDS / 2
    assert ids(directory) == ["a"]
    clock.now += RECHECK_SECONDS / 2
    assert ids(directory) == ["a", "b"]


def test_s18_a_bad_change_leaves_the_last_good_keys_in_use(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "a").write_text(ONE)
    directory = KeyDirectory(tmp_path, "a", clock=clock)
    for bad in ("short", "0" * 64):
        (tmp_path / "b").write_text(bad)
        clock.past_recheck()
        assert ids(directory) == ["a"]
        assert directory.signing().id == "a"
    (tmp_path / "b").write_text(TWO)
    clock.past_recheck()
    assert ids(directory) == ["a", "b"]


def test_s18_a_folder_that_vanishes_and_returns_is_read_again(tmp_path: Path) -> None:
    clock = Clock()
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "a").write_text(ONE)
    directory = KeyDirectory(folder, clock=clock)
    folder.rename(tmp_path / "away")
    clock.past_recheck()
    assert ids(directory) == ["a"]
    folder.mkdir()
    (folder / "b").write_text(TWO)
    clock.past_recheck()
    assert ids(directory) == ["b"]


def test_s23_a_key_does_not_print_itself(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(ONE)
    (key,) = KeyDirectory(tmp_path).verifying()
    for shown in (repr(key), str(key), f"{key}", repr([key])):
        assert ONE[:8] not in shown
        assert repr(bytes.fromhex(ONE))[2:10] not in shown
