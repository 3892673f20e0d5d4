"""`pbx112 setup`."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from pbx112.cli.check import check
from pbx112.cli.errors import EX_CONFIG, Failed
from pbx112.cli.screen import plain, say, waiting
from pbx112.setup.changes import Ledger
from pbx112.setup.tree import SetupError
from pbx112.setup.wanted import PROGRAM, Answers, Installation, installation

PROMPTS = "/usr/share/asterisk/sounds/pbx112"
NEXT = """\
What setup leaves to you (it changes what runs, or needs another account):
  the trunk by which 112 reaches you, in pjsip.conf: dialplan/trunks/ of the source has a sample for each
    (operator's SIP trunk: sip-address, sip-registration, sip-tls; IP PBX: ip-pbx; gateways: gsm-gateway, fxo-gateway)
  the firewall: deploy/nftables/pbx112.nft"""
DATABASE = (
    ("sudo -u postgres createdb -E UTF8 -T template0 pbx112", "the records' database"),
    ("sudo -u postgres createuser --pwprompt pbx112", "with the password in PBX112_DSN of pbx112.env"),
    ("sudo -u postgres -g pbx112 PBX112_DSN=postgresql:///pbx112 {program} migrate", "the tables"),
    ("sudo -u postgres psql pbx112 -c 'GRANT pbx112_writer TO pbx112'", "it may add records"),
)
UNDONE = """\
What undo leaves to you: what runs knows nothing of it yet
  systemctl stop 'pbx112*' && systemctl daemon-reload
  asterisk -rx 'core reload'
Records, journal (/var/lib/pbx112), voices and the account pbx112 stay: delete them where nobody needs them."""


def _steps(program: str, database: bool) -> str:
    """What comes after setup, command by command."""
    steps = (
        ("adduser pbx112 asterisk", "the fallback's records can be read"),
        (f"{{program}} prompts {PROMPTS}", "the voices"),
        *(DATABASE if database else ()),
        ("systemctl restart asterisk", "this once, in a quiet hour"),
        ("systemctl daemon-reload && systemctl enable --now pbx112", "it serves"),
        ("sudo -u pbx112 {program} check", "what is missing still"),
    )
    told = [(command.format(program=program), why) for command, why in steps]
    width = max(len(command) for command, _ in told)
    return "\n".join(f"  {command:<{width}}  # {why}" for command, why in told)


def setup(
    agencies: Annotated[
        Path | None, typer.Option("--agencies", metavar="FILE", help="The plan to put into /etc/pbx112.")
    ] = None,
    node: Annotated[str | None, typer.Option("--node", help="This machine's name in the records.")] = None,
    database: Annotated[
        bool | None,
        typer.Option("--database/--no-database", help="Records go to a Postgres on this machine."),
    ] = None,
    asterisk: Annotated[
        Path, typer.Option("--asterisk", metavar="DIR", help="Where Asterisk's configuration is.")
    ] = Path("/etc/asterisk"),
    program: Annotated[
        str, typer.Option("--program", metavar="FILE", help="What the systemd units start.")
    ] = PROGRAM,
    root: Annotated[
        Path, typer.Option("--root", metavar="DIR", help="Do all this below DIR, to look at it first.")
    ] = Path("/"),
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes, make none.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back all that setup has written.")] = False,
) -> None:
    """Install beside the Asterisk that runs here: plain, FreePBX or Issabel. Each change is shown before it is made.

    \b
    Look:             pbx112 setup --agencies agencies.yaml --dry-run
    Do it:            pbx112 setup --agencies agencies.yaml
    The way back:     pbx112 setup --undo

    It writes the environment file with strong passwords, users for ARI and AMI, the dialplan and the systemd units;
    in files that are not its own it adds one line. What somebody changed by hand stays, and is named. Nothing is
    restarted.
    """
    root = root.absolute()
    ledger_folder = root / "etc/pbx112/setup"
    try:
        ledger = Ledger(root, ledger_folder)
        if undo:
            _undo(ledger, yes)
            return
        if node is not None and not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", node):
            raise typer.BadParameter("--node: letters, digits, _ . and - only, at most 64")
        if not re.fullmatch(r"/[A-Za-z0-9_./-]+", program):
            raise typer.BadParameter("--program: an absolute path without blanks")
        if database is None:
            database = yes or dry_run or typer.confirm("Records in a Postgres on this machine?", default=True)
        answers = Answers(root, str(asterisk).lstrip("/"), agencies, node, database, program)
        _install(installation(answers), ledger, yes=yes, dry_run=dry_run)
    except SetupError as error:
        raise Failed(str(error), code=EX_CONFIG) from None
    say(f"\n{NEXT}\n{_steps(program, database)}")
    if root == Path("/") and not dry_run:
        say("\nWhat `pbx112 check` says by now:\n")
        with suppress(typer.Exit):  # what is missing still is no fault of this command
            check()


def _install(found: Installation, ledger: Ledger, *, yes: bool, dry_run: bool) -> None:
    changes, left = ledger.plan(found.wanted)
    say(f"This is {found.office}.")
    for doubt in (*found.doubts, *left):
        say(f"! {doubt}", "yellow")
    if not changes:
        say("nothing to change")
        return
    for change in changes:
        say("\n".join(plain(line) for line in change.diff(found.secrets).splitlines()))
    if dry_run:
        say(f"{len(changes)} files would be written; nothing was changed")
        return
    if not yes and not (sys.stdin.isatty() and typer.confirm(f"Write these {len(changes)} files?")):
        raise Failed("nothing was changed; --yes does it without a question")
    with waiting("writing"):
        for change in changes:
            ledger.apply(change)
    say(f"{len(changes)} files written; `pbx112 setup --undo` takes them back")


def _undo(ledger: Ledger, yes: bool) -> None:
    if not ledger.written:
        say("nothing to take back: setup has written nothing here")
        return
    for name in ledger.written:
        say(f"  {ledger.root / name}")
    if not yes and not (sys.stdin.isatty() and typer.confirm("Take these back?")):
        raise Failed("nothing was changed; --yes does it without a question")
    done, left = ledger.undo()
    for each in done:
        say(each)
    for each in left:
        say(f"! {each}", "yellow")
    say(f"\n{UNDONE}")
