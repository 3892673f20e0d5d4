"""This machine: the journal's folder, passwords left as in the examples."""

from __future__ import annotations

import shutil
import stat
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile

from pbx112.alarms.destinations import DestinationsError, read
from pbx112.audit.anchor import AnchorError, latest
from pbx112.audit.anchored import DAILY
from pbx112.cli.checks.certificates import check_certificates
from pbx112.cli.checks.findings import CHOOSE_ONE, EXAMPLE_PASSWORD, Section
from pbx112.settings import Settings

FULL, NEARLY_FULL = 100 * 1024**2, 1024**3
"""Bytes left on the journal's disk below which it is an error, and a doubt. A call writes some 10 KB."""


def check_machine(settings: Settings) -> Section:
    """What can be seen without asking anybody."""
    section = Section("This machine")
    _journal(section, settings.journal)
    _fallback_records(section, settings.fallback_records)
    _second_count(section, settings.asterisk_cdr)
    _anchors(section, settings.anchors)
    _alarms(section, settings.alarms)
    _example_passwords(section, settings.dialplan.parent)
    check_certificates(section, settings)
    return section


def _journal(section: Section, journal: Path) -> None:
    folder = next(parent for parent in journal.absolute().parents if parent.exists())
    try:
        if journal.exists():
            journal.open("ab").close()
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
    except OSError as error:
        remedy = f"`install -d -o pbx112 -m 700 {journal.parent}`, or name another file with PBX112_JOURNAL"
        section.wrong(f"the journal {journal} cannot be written by this user ({error.strerror})", remedy)
        return
    free = shutil.disk_usage(folder).free
    left = f"{free / 1024**3:.1f} GB free in {journal.parent}"
    remedy = "make room: calls go on without it, but their record is at risk"
    if free < FULL:
        section.wrong(f"the journal's disk is full: {left}", remedy)
    elif free < NEARLY_FULL:
        section.doubt(f"the journal's disk is nearly full: {left}", remedy)
    else:
        section.right(f"the journal can be written, {left}")


def _fallback_records(section: Section, file: Path) -> None:
    """Whether what Asterisk notes about the calls of the dialplan alone can be taken over."""
    what = "calls that the dialplan handles alone get no record"
    try:
        if not file.parent.is_dir():
            remedy = (
                "make the folder, writable for Asterisk, or name another file with PBX112_FALLBACK_RECORDS"
            )
            section.doubt(f"{file.parent} does not exist: {what}", remedy)
        elif file.exists():
            file.open("rb").close()
            section.right(f"the fallback's records in {file} can be read")
            _open_to_all(section, file)
        else:
            section.right(f"the fallback has noted no call in {file} yet")
    except OSError as error:
        remedy = "let the daemon's user read it: `usermod -aG asterisk pbx112`"
        section.wrong(f"{file} cannot be read by this user ({error.strerror}): {what}", remedy)


def _open_to_all(section: Section, file: Path) -> None:
    """Asterisk makes it with its own umask, under which everybody may read; so do those stay that were rotated."""
    files = [each for each in file.parent.glob(f"{file.name}*") if each.stat().st_mode & stat.S_IROTH]
    if files and file.parent.stat().st_mode & stat.S_IXOTH:
        section.doubt(
            f"everybody on this machine can read callers' numbers in {', '.join(map(str, sorted(files)))}",
            f"`chmod o= {file}*`",
        )


def _second_count(section: Section, file: Path) -> None:
    """Whether Asterisk writes its own records of calls, and this user may read them."""
    what = "`pbx112 audit reconcile` has no second count to compare with"
    try:
        with file.open("rb") as stream:
            empty = not stream.read(1)
        if empty:
            section.right(f"Asterisk has counted no call in {file} yet")
        else:
            section.right(f"Asterisk writes its own count of calls to {file}")
        _open_to_all(section, file)
    except FileNotFoundError:
        remedy = "let Asterisk write it (dialplan/cdr.conf, cdr_custom.conf; it comes with the first call), or name"
        section.doubt(f"{file} does not exist: {what}", f"{remedy} another file with PBX112_ASTERISK_CDR")
    except OSError as error:
        remedy = "let the daemon's user read it: `usermod -aG asterisk pbx112`"
        section.doubt(f"{file} cannot be read by this user ({error.strerror}): {what}", remedy)


def _anchors(section: Section, file: Path) -> None:
    """Whether the end of the records is signed daily."""
    try:
        newest = latest(file)
    except (AnchorError, OSError) as error:
        section.doubt(
            f"the anchors of the records cannot be read: {error}", "run as the daemon's user (pbx112)"
        )
        return
    if newest is None:
        what = f"there is no anchor in {file}: that the end of the records was cut off nobody could show"
        section.doubt(
            what, "`pbx112 audit key`, then enable pbx112-anchor.timer (the admin's guide: Anchors)"
        )
    elif datetime.now(UTC) - newest.says.time > DAILY:
        what = f"the newest anchor in {file} is of {newest.says.time:%Y-%m-%d %H:%M} UTC, more than a day ago"
        section.doubt(what, "`systemctl status pbx112-anchor.timer`, then `pbx112 audit anchor`")
    else:
        when = f"{newest.says.time:%Y-%m-%d %H:%M} UTC"
        section.right(f"the records' end was signed at {when} (anchor {newest.says.number} in {file})")


def _alarms(section: Section, file: Path) -> None:
    """Whether somebody is told when something is amiss, and nobody else reads how."""
    try:
        found = read(file)
    except DestinationsError as error:
        remedy = "deploy/alarms.conf has examples; then `pbx112 alarms --test`, and enable pbx112-alarms"
        section.doubt(f"nobody is told when something is amiss: {error}", remedy)
        return
    for mistake in found.mistakes:
        section.wrong(mistake, "correct the line, then `pbx112 alarms --test`")
    if found.open:
        section.wrong(
            f"{file} holds secrets and can be read by everybody on this machine",
            f"`chown root:pbx112 {file}; chmod 640 {file}`",
        )
    if not found.all:
        section.doubt(
            f"{file} names nobody who is told when something is amiss", "deploy/alarms.conf has examples"
        )
    elif find_spec("apprise") is None:
        section.wrong("alarms cannot be sent: Apprise is not installed", "pip install 'pbx112[alarms]'")
    else:
        section.right(f"alarms go to {', '.join(map(str, found.all))} of {file}")


def _example_passwords(section: Section, folder: Path) -> None:
    """Passwords of our sample files that were taken over into Asterisk's."""
    for file in sorted(folder.glob("*.conf")):
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            if EXAMPLE_PASSWORD in line.partition(";")[0]:
                section.wrong(f"{file}:{number}: the password is still the example's", CHOOSE_ONE)
