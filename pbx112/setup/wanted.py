"""Each file as it should be, for the office that stands here."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from pbx112.plan.dialplan import render
from pbx112.plan.load import load_plan
from pbx112.settings import Settings
from pbx112.setup.changes import Wanted
from pbx112.setup.office import Office, office_at, place_for
from pbx112.setup.tree import SetupError, Tree, read_tree

MARK = "; Written by `pbx112 setup`; `pbx112 setup --undo` takes it away."
PROGRAM = "/opt/pbx112/bin/pbx112"
GENERATED = "; GENERATED from agencies.yaml"
USER = "pbx112"
NO_ACCOUNT = (
    "there is no account pbx112; first: adduser --system --group --home /var/lib/pbx112 "
    "--no-create-home pbx112 && adduser pbx112 asterisk"
)
NO_GROUP = (
    "there is no group asterisk, which pbx112.service names: it would not start; let Asterisk run as a user asterisk, "
    "as Debian's does, or take SupplementaryGroups= out by `systemctl edit pbx112`"
)
ON = ("yes", "true", "1", "on", "y", "t")
"""What Asterisk takes for yes."""


@dataclass(frozen=True)
class Answers:
    """What the administrator decides. Paths of the system are those below `root`."""

    root: Path = Path("/")
    asterisk: str = "etc/asterisk"
    agencies: Path | None = None
    """The plan to put in place; None: it is there already."""
    node: str | None = None
    database: bool = True
    """A Postgres on this machine."""
    program: str = PROGRAM


@dataclass(frozen=True)
class Installation:
    """All that setup would see to."""

    office: Office
    wanted: tuple[Wanted, ...]
    secrets: tuple[str, ...]
    """Never to be shown."""
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class _Server:
    """Where a server of Asterisk's listens, and the lines that are needed for it."""

    host: str
    port: int
    lines: tuple[str, ...]
    doubts: tuple[str, ...] = field(default=())


def installation(answers: Answers) -> Installation:
    """What is wanted here. Raises :class:`SetupError` and :class:`pbx112.plan.load.PlanError`."""
    root, folder = answers.root, answers.root / answers.asterisk
    if not (folder / "asterisk.conf").exists() and not (folder / "extensions.conf").exists():
        raise SetupError(f"{folder}: there is no Asterisk's configuration; name its folder with --asterisk")
    office = office_at(root)
    trees = {name: read_tree(folder, name, root) for name in ("ari.conf", "http.conf", "manager.conf")}
    http = _server(trees["http.conf"], "bindport", 8088, "http.conf")
    ami = _server(trees["manager.conf"], "port", 5038, "manager.conf")
    env_file = root / "etc/pbx112/pbx112.env"
    known = _read_env(env_file)
    # What stands in Asterisk's files is not made anew where the environment file, one of theirs, does not have it.
    ari_secret = known.get("PBX112_ARI_PASSWORD") or _present(trees["ari.conf"], "password")
    ami_secret = known.get("PBX112_AMI_PASSWORD") or _present(trees["manager.conf"], "secret")
    lacking = [
        f"{env_file}: has no {name}; if it stays so, put the one of [{USER}] in {file} there"
        for name, file in (("PBX112_ARI_PASSWORD", "ari.conf"), ("PBX112_AMI_PASSWORD", "manager.conf"))
        if env_file.exists() and name not in known
    ]
    for secret in (ari_secret, ami_secret):
        if not _strong(secret):
            raise SetupError(f"{env_file}: a password of Asterisk's there is weak; `openssl rand -hex 24`")
    env = _environment(answers, http, ami, ari_secret, ami_secret, known)
    group = _number(root, "group", USER)
    if group is None and root == Path("/"):
        raise SetupError(NO_ACCOUNT)
    reader = _number(root, "group", "asterisk")
    no_group = (NO_GROUP,) if reader is None and root == Path("/") else ()
    if reader is None:
        reader = folder.stat().st_gid
    ari_on = (trees["ari.conf"].value("general", "enabled") or "yes").lower() in ON
    parts = {
        "ari.conf": _general(trees["ari.conf"], () if ari_on else ("enabled=yes",))
        + f"[{USER}]\ntype=user\nread_only=no\npassword_format=plain\npassword={ari_secret}\n",
        "http.conf": _general(trees["http.conf"], http.lines),
        "manager.conf": _general(trees["manager.conf"], ami.lines)
        + f"[{USER}]\nsecret={ami_secret}\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.0/255.0.0.0\n{_itself(ami.host)}"
        + "read=system,call,reporting\nwrite=reporting\nwritetimeout=1000\n",
    }
    wanted: list[Wanted] = []
    plan_file = root / "etc/pbx112/agencies.yaml"
    source = answers.agencies or plan_file
    if answers.agencies is not None:
        if plan_file.exists() and _text(plan_file) != _text(answers.agencies):
            raise SetupError(
                f"{plan_file}: there is another plan already; edit that one and leave --agencies out, or move it away"
            )
        wanted.append(Wanted(plan_file, _text(answers.agencies), 0o640, group))
    elif not plan_file.exists():
        raise SetupError(f"{plan_file}: does not exist; name the plan to put there with --agencies FILE")
    defaults = {name: each.default for name, each in Settings.model_fields.items()}
    agi = f"{defaults['agi_host']}:{defaults['agi_port']}"
    dialplan = render(load_plan(source).plan, defaults["ari_app"], str(defaults["fallback_records"]), agi)
    wanted.append(Wanted(env_file, env, 0o640, group))
    wanted.append(Wanted(folder / "pbx112.conf", dialplan, 0o644, generated=GENERATED))
    for name, text in parts.items():
        wanted += _part(folder, name, text, trees[name], office, root, reader)
    extensions = read_tree(folder, "extensions.conf", root)
    if "pbx112.conf" not in extensions.included or (folder / "pbx112.conf") not in _files(extensions):
        place, alone = place_for(folder, "extensions.conf", extensions, office, root)
        line = f'{MARK}\n#include "pbx112.conf"\n'
        wanted.append(Wanted(place, line, line=not alone))
    wanted += _units(root, answers.program)
    rotation = resources.files("pbx112.setup") / "pbx112.logrotate"
    wanted.append(Wanted(root / "etc/logrotate.d/pbx112", rotation.read_text(encoding="utf-8")))
    wanted += _fallback_records(root, defaults["fallback_records"], reader)
    hidden = [ari_secret, ami_secret, known.get("PBX112_DSN", ""), *_password_of(env)]
    return Installation(
        office,
        tuple(wanted),
        tuple(each for each in hidden if len(each) >= 8),
        (*http.doubts, *ami.doubts, *no_group, *lacking),
    )


def _files(tree: Tree) -> set[Path]:
    return {each.file for each in tree.settings}


def _server(tree: Tree, port_name: str, port: int, name: str) -> _Server:
    """One that is on already stays as it is; one that is off is put on loopback."""
    given = tree.value("general", port_name)
    if given is not None and not given.isdigit():
        raise SetupError(f"{name}: {port_name}={given} is no port; mend it")
    bind = tree.value("general", "bindaddr") or ""
    number = int(given) if given else port
    local = bind.startswith("127.")
    if (tree.value("general", "enabled") or "no").lower() in ON:
        if local or bind == "::1":
            return _Server(bind, number, ())
        shown = bind or "every address"
        doubt = f"{name} listens on {shown}, as before; bindaddr=127.0.0.1 or a firewall keeps strangers away"
        everywhere = bind in ("", "0.0.0.0", "::")  # noqa: S104 - it is compared, not bound
        return _Server("127.0.0.1" if everywhere else bind, number, (), (doubt,))
    host = bind if local else "127.0.0.1"
    return _Server(host, number, ("enabled=yes", f"bindaddr={host}", f"{port_name}={number}"))


def _present(tree: Tree, name: str) -> str:
    """The password of our user there; a new one where there is none."""
    secret = tree.value(USER, name) or ""
    return secret if _strong(secret) else secrets.token_hex(24)


def _strong(secret: str) -> bool:
    return secret.isalnum() and len(secret) >= 16


def _itself(host: str) -> str:
    """Who calls an AMI on this machine's own address comes from that address, not from loopback."""
    another = host.replace(".", "").isdigit() and not host.startswith("127.")
    return f"permit={host}/255.255.255.255\n" if another else ""


def _general(tree: Tree, lines: tuple[str, ...]) -> str:
    """`lines` for `[general]`: added to it where there is one, since a second one would not be read."""
    if not lines:
        return ""
    more = "(+)" if tree.where("general") else ""
    return "\n".join((f"[general]{more}", *lines, "", ""))


def _part(
    folder: Path, name: str, text: str, tree: Tree, office: Office, root: Path, reader: int
) -> list[Wanted]:
    """Our part of `name`: a file of its own, and the line that includes it."""
    own = folder / f"pbx112-{name}"
    place, alone = place_for(folder, name, tree, office, root)
    if alone:
        own = place
    stranger = next((e.file for e in tree.settings if e.section == USER and e.file != own), None)
    if stranger is not None:
        raise SetupError(f"{stranger}: has a section [{USER}] already; take it out, then repeat")
    if own in _files(tree):  # what we set there ourselves is no reason to leave it out now
        present = own.read_text(encoding="utf-8", errors="replace")
        text = _kept_general(present, text)
    if not text:
        return []
    files = [Wanted(own, f"{MARK}\n{text}", 0o640, reader)]
    if not alone:
        files.append(Wanted(place, f'{MARK}\n#include "{own.name}"\n', line=True))
    return files


def _kept_general(present: str, text: str) -> str:
    lines = present.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("[general]")), None)
    if start is None or "[general]" in text:
        return text
    end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("[")), len(lines))
    return "\n".join(lines[start:end]) + "\n" + text


def _environment(
    answers: Answers, http: _Server, ami: _Server, ari_secret: str, ami_secret: str, known: dict[str, str]
) -> str:
    host = f"[{http.host}]" if ":" in http.host else http.host
    lines = [
        "# Written by `pbx112 setup`; `pbx112 setup --undo` takes it away. All settings: deploy/pbx112.env.",
        f"PBX112_ARI_URL=http://{host}:{http.port}",
        f"PBX112_ARI_PASSWORD={ari_secret}",
        f"PBX112_AMI_HOST={ami.host}",
        f"PBX112_AMI_PORT={ami.port}",
        f"PBX112_AMI_PASSWORD={ami_secret}",
    ]
    if answers.asterisk != "etc/asterisk":
        lines.append(f"PBX112_DIALPLAN=/{answers.asterisk}/pbx112.conf")
    if answers.database:
        dsn = known.get("PBX112_DSN") or f"postgresql://{USER}:{secrets.token_hex(24)}@127.0.0.1/{USER}"
        lines.append(f"PBX112_DSN={dsn}")
    if node := answers.node or known.get("PBX112_NODE"):
        lines.append(f"PBX112_NODE={node}")
    return "\n".join(lines) + "\n"


def _read_env(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SetupError(f"{file}: {error.strerror}; run as root") from None
    pairs = (line.partition("=") for line in lines if line.startswith("PBX112_"))
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _password_of(env: str) -> list[str]:
    return [
        line.split(":")[2].split("@")[0]
        for line in env.splitlines()
        if line.startswith("PBX112_DSN=") and line.count(":") >= 2
    ]


def _units(root: Path, program: str) -> list[Wanted]:
    """All unit files; which of them run is the administrator's word (`systemctl enable`)."""
    folder = resources.files("pbx112.setup") / "units"
    units = sorted(
        (each for each in folder.iterdir() if each.name.startswith("pbx112")), key=lambda e: e.name
    )
    return [
        Wanted(
            root / "etc/systemd/system" / unit.name,
            unit.read_text(encoding="utf-8").replace(PROGRAM, program),
        )
        for unit in units
    ]


def _fallback_records(root: Path, file: Path, group: int) -> list[Wanted]:
    """The file in which the dialplan notes callers' numbers: Asterisk would make it readable for everybody.

    Only in a folder of the account asterisk's own: of anybody else it could be a file that Asterisk cannot write.
    """
    path = root / file.relative_to("/")
    if path.exists() or not path.parent.is_dir():
        return []
    owner = _number(root, "passwd", "asterisk")
    return [Wanted(path, "", 0o640, group)] if path.parent.stat().st_uid == owner else []


def _number(root: Path, file: str, name: str) -> int | None:
    """The number of that account (`passwd`) or group (`group`) below `root`; None where there is none."""
    try:
        lines = (root / "etc" / file).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split(":")[2])
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: cannot be read ({error})") from None
