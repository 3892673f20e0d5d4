"""Files are written so that each step can be taken back: what stood there before is kept, byte for byte, first.

The ledger (`/etc/pbx112/setup/ledger.json`) names every file that we wrote, the SHA-256 of what we
wrote, and the copy of what stood there. It is written before the file is, so whatever ends us in
between, `undo` finds the way.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pbx112.setup.tree import SetupError

_SECRET = re.compile(
    r"^([-+ ]\s*(?:password|secret|PBX112_\w*(?:PASSWORD|DSN|PINS))\s*=>?\s*)\S.*$", re.M | re.I
)
"""A line of a diff with a secret, also one that was replaced, or is in use while nothing is changed (`--dry-run`)."""


@dataclass(frozen=True)
class Wanted:
    """A file as it should be. With `line`, only that block is to stand in a file that is somebody else's."""

    path: Path
    text: str
    mode: int = 0o644
    gid: int | None = None
    """The group that shall read it; None: that of the folder."""
    line: bool = False
    generated: str | None = None
    """By this text in it the file is known as ours, whatever else changed (`pbx112 dialplan --write` renews it)."""


class Written(msgspec.Struct, frozen=True):
    """What the ledger knows of one file, its path below the root."""

    path: str
    sha256: str
    before: str | None
    """The name of the copy of what stood there; None: nothing did."""
    made: tuple[str, ...] = ()
    """Folders that we made for it and for the ledger, the outermost first."""
    block: str = ""
    """The lines that were added to a file of somebody else."""
    generated: str | None = None


@dataclass(frozen=True)
class Change:
    """One step: `old` (None: no file) becomes `new`."""

    wanted: Wanted
    old: bytes | None
    new: bytes

    def diff(self, secrets: Iterable[str]) -> str:
        """For the screen: no secret is in it."""
        before = (self.old or b"").decode(errors="replace").splitlines()
        after = self.new.decode(errors="replace").splitlines()
        source = str(self.wanted.path) if self.old is not None else "/dev/null"
        text = "\n".join(difflib.unified_diff(before, after, source, str(self.wanted.path), lineterm=""))
        text = text or f"--- {source}\n+++ {self.wanted.path}"  # an empty file
        for secret in secrets:
            text = text.replace(secret, "********")
        return _SECRET.sub(r"\1********", text)


class Ledger:
    """What was written below `root`, kept in `folder`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self._file = folder / "ledger.json"
        try:
            read = msgspec.json.decode(self._file.read_bytes(), type=list[Written])
        except FileNotFoundError:
            read = []
        except (OSError, msgspec.MsgspecError) as error:
            raise SetupError(f"{self._file}: cannot be read ({error}); run as root, or restore it") from None
        self.written = {each.path: each for each in read}

    def plan(self, wanted: Iterable[Wanted]) -> tuple[list[Change], list[str]]:
        """The steps that are left, and what is left alone with the reason."""
        changes: list[Change] = []
        left: list[str] = []
        for each in wanted:
            if each.path.is_symlink():
                left.append(f"{each.path}: is a symbolic link, and stays as it is; add by hand:\n{each.text}")
                continue
            old = _bytes(each.path)
            known = self.written.get(self._name(each.path))
            new = each.text.encode()
            if each.line:
                if old is not None and new.strip() in old:
                    continue
                new = (old or b"") + (b"\n" if old and not old.endswith(b"\n") else b"") + new
            elif old == new:
                continue
            elif old is not None and not _ours(old, known, each.generated):
                why = (
                    "was changed by hand since"
                    if known
                    else "stood here before, and was not written by setup"
                )
                left.append(f"{each.path}: {why}; it stays as it is")
                continue
            changes.append(Change(each, old, new))
        return changes, left

    def apply(self, change: Change) -> None:
        """Keep what stood there, note it, then write. Raises :class:`SetupError`."""
        wanted, name = change.wanted, self._name(change.wanted.path)
        known = self.written.get(name)
        try:
            made = known.made if known else tuple(self._ours_above(wanted.path))
            for folder in made:
                _make(self.root / folder, *((0o755, None) if wanted.gid is None else (0o750, wanted.gid)))
            _make(self.folder, 0o700)
            before = known.before if known else None
            if known is None and change.old is not None:
                before = f"{len(self.written):03d}-{wanted.path.name}"
                _write(self.folder / before, change.old, 0o600)
            block = wanted.text if wanted.line else ""
            digest = hashlib.sha256(change.new).hexdigest()
            self.written[name] = Written(name, digest, before, made, block, wanted.generated)
            self._save()
            _write(wanted.path, change.new, wanted.mode, wanted.gid)
        except OSError as error:
            raise SetupError(f"{error.filename or wanted.path}: {error.strerror}; run as root") from None

    def undo(self) -> tuple[list[str], list[str]]:
        """Take everything back, the last first: what was done, and what was left alone with the reason.

        A file that somebody changed since stays; of a file of theirs only our lines are taken out.
        """
        done: list[str] = []
        left: list[str] = []
        for name in reversed(list(self.written)):
            entry = self.written[name]
            path = self.root / name
            now = _bytes(path)
            before = None if entry.before is None else (self.folder / entry.before).read_bytes()
            if now is not None and now != before and not _ours(now, entry, entry.generated):
                if not entry.block or entry.block.encode() not in now:
                    left.append(f"{path}: was changed by hand since; it stays as it is")
                    continue
                _write(path, now.replace(entry.block.encode(), b"", 1))
                done.append(f"{path}: our lines taken out, the changes by hand kept")
            elif before is None:
                path.unlink(missing_ok=True)
                done.append(f"{path}: removed")
            elif now != before:
                _write(path, before)
                done.append(f"{path}: as before")
            done += _unlinked(path)
            del self.written[name]
            if self.written:
                self._save()
            else:  # nothing is left to know
                self._file.unlink(missing_ok=True)
            if entry.before is not None:
                (self.folder / entry.before).unlink()
            _remove_empty(self.folder)
            for folder in reversed(entry.made):
                _remove_empty(self.root / folder)
        return done, left

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    def _ours_above(self, path: Path) -> list[str]:
        """The folders above `path`, and above the ledger, that we make or have made; the outermost first."""
        known = {folder for entry in self.written.values() for folder in entry.made}
        below_root = (each for each in {*path.parents, *self.folder.parents} if self.root in each.parents)
        return sorted(
            self._name(each) for each in below_root if not each.exists() or self._name(each) in known
        )

    def _save(self) -> None:
        _write(self._file, msgspec.json.format(msgspec.json.encode(list(self.written.values()))), 0o600)


def _ours(now: bytes, known: Written | None, generated: str | None) -> bool:
    if generated is not None and generated.encode() in now[:2000]:
        return True
    return known is not None and hashlib.sha256(now).hexdigest() == known.sha256


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}; run as root") from None


def _write(path: Path, content: bytes, mode: int = 0o644, gid: int | None = None) -> None:
    """At once or not at all; a file that exists keeps its mode and owner, a new one has its folder's owner."""
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if path.exists():
                model = path.stat()
                owner, group, mode = model.st_uid, model.st_gid, model.st_mode & 0o7777
            else:
                model = path.parent.stat()
                owner, group = model.st_uid, model.st_gid if gid is None else gid
            if os.geteuid() == 0:
                os.fchown(handle, owner, group)
            os.fchmod(handle, mode)
            os.fsync(handle)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def _make(folder: Path, mode: int, gid: int | None = None) -> None:
    """Where it is missing; with just this mode, whatever root's umask is."""
    if not folder.exists():
        folder.mkdir()
        folder.chmod(mode)
        if gid is not None and os.geteuid() == 0:
            os.chown(folder, -1, gid)


def _unlinked(path: Path) -> list[str]:
    """Without its unit file, a link of `systemctl enable` would point to nothing: taken away too."""
    links = [wants / path.name for wants in path.parent.glob("*.wants")] if not path.exists() else []
    gone = [link for link in links if link.is_symlink()]
    for link in gone:
        link.unlink()
    return [f"{link}: removed (`systemctl enable` had made it)" for link in gone]


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
