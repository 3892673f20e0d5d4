"""`pbx112 dialplan`."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from pbx112.cli.errors import EX_CONFIG, Failed
from pbx112.cli.options import Agencies, settings_for
from pbx112.cli.screen import say
from pbx112.plan.dialplan import render
from pbx112.plan.load import load_plan
from pbx112.settings import Settings

HEADER = "; GENERATED from agencies.yaml"
"""By this line a file is known as ours; any other is somebody's own work."""

RELOAD = "asterisk -rx 'dialplan reload'"


def dialplan(
    agencies: Agencies = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write it to the file that PBX112_DIALPLAN names.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only say whether that file is up to date.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --write: replace a file that is not ours.")
    ] = False,
) -> None:
    """Render agencies.yaml as dialplan: the intake of 112, and the fallback that rings the same lines without the daemon.

    \b
    Look at it:        pbx112 dialplan
    Put it in place:   pbx112 dialplan --write && asterisk -rx 'dialplan reload'
    In a cron job:     pbx112 dialplan --check || echo "pbx112.conf is out of date"
    """  # noqa: E501 - typer joins what a terminal's width parts
    if write and check:
        raise typer.BadParameter("--write and --check exclude each other")
    settings = settings_for(agencies, ari=False)
    text = _rendered(settings)
    file = settings.dialplan
    if check:
        present = _present(file)
        if present is None:
            raise Failed(f"{file}: does not exist; write it with `pbx112 dialplan --write`")
        if present != text:
            raise Failed(
                f"{file}: is out of date against {settings.agencies}; `pbx112 dialplan --write` renews it"
            )
        say(f"{file}: up to date")
    elif write:
        if _present(file) == text:
            say(f"{file}: was up to date already")
            return
        _write(file, text, force)
        say(f"{file}: written; let Asterisk read it: {RELOAD}")
    else:
        typer.echo(text, nl=False)


def _rendered(settings: Settings) -> str:
    plan = load_plan(settings.agencies).plan
    try:
        return render(plan, settings.ari_app, str(settings.fallback_records), settings.agi_address)
    except ValueError as error:
        raise Failed(f"no dialplan can be made of {settings.agencies}: {error}", code=EX_CONFIG) from None


def _present(file: Path) -> str | None:
    """What stands in `file` now, None where nothing does."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}; run as a user who may read it") from None


def _write(file: Path, text: str, force: bool) -> None:
    """Put `text` in place at once; the file keeps its mode and owner, a new one is readable by Asterisk's group.

    A symbolic link stays one: what it points to is replaced.
    """
    present = _present(file)
    if present and HEADER not in present[:2000] and not force:
        raise Failed(f"{file}: was not written by pbx112; move it aside, or replace it with --force")
    file = file.resolve()
    fresh: str | None = None
    try:
        handle, fresh = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            model = (file if file.exists() else file.parent).stat()
            os.fchmod(handle, model.st_mode & 0o777 if file.exists() else 0o644)
            with suppress(PermissionError):  # only root can; another user's file is his own then
                os.fchown(handle, model.st_uid, model.st_gid)
            os.fsync(handle)
        Path(fresh).replace(file)
    except OSError as error:
        if fresh is not None:
            Path(fresh).unlink(missing_ok=True)
        why = error.strerror or str(error)
        raise Failed(
            f"{file}: cannot be written ({why}); run as a user who may write in {file.parent}"
        ) from None
