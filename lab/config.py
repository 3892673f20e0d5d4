"""Asterisk's configuration: the files of `dialplan/` as we ship them, filled in for this exchange."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.network import SIP, Network
from lab.versions import said
from pbx112.ari import AsteriskInfo, parse_version
from pbx112.plan.types import Plan

SAMPLES = Path(__file__).parent.parent / "dialplan"
SHIPPED = (
    *("ari.conf", "cdr.conf", "cdr_custom.conf", "http.conf", "manager.conf", "modules.conf", "rtp.conf"),
    "extensions.conf",
)
"""Used as they are, but for passwords and addresses."""

PACKAGED = (
    *(
        "acl",
        "aeap",
        "ccss",
        "cel",
        "chan_websocket",
        "cli_aliases",
        "codecs",
        "features",
        "geolocation",
    ),
    *("indications", "musiconhold", "pjproject", "pjsip_notify", "pjsip_wizard", "prometheus", "res_parking"),
    *("sorcery", "stasis", "stir_shaken", "udptl", "websocket_client"),
)
"""Used as they come with Asterisk."""

INSIDE = Path("/mnt")
"""Where Asterisk finds its folder: mounted there for it alone."""

SILENCE = 120
"""Seconds without sound after which a call ends. More than in the field: many of the lab's phones are mute."""

_ASTERISK = """
[directories]
astetcdir => {here}/etc
astmoddir => /{modules}
astvarlibdir => {here}/lib
astdbdir => {here}/lib
astkeydir => {here}/lib
astdatadir => {here}/data
astagidir => {here}/lib
astspooldir => {here}/spool
astrundir => {here}/run
astlogdir => {here}/log
astsbindir => /usr/sbin
[options]
systemname = {name}
live_dangerously = no
"""

_LOGGER = """
[general]
dateformat = %F %T.%3q
[logfiles]
messages => notice,warning,error
full => notice,warning,error,verbose(3)
"""

_TRANSPORT = """
[global]
type=global
user_agent=pbx112-lab
endpoint_identifier_order=ip,username

[udp]
type=transport
protocol=udp
bind={address}:{port}

[lab-party](!)
type=endpoint
transport=udp
disallow=all
allow=alaw,ulaw
dtmf_mode=rfc4733
direct_media=no
media_address={address}
bind_rtp_to_media_address=yes
rtp_timeout={silence}
rtp_timeout_hold={silence}
allow_subscribe=no

[trunk-112](lab-party)
context=pbx112-intake
trust_id_inbound=yes
geoloc_incoming_call_profile=<discard_config>
allow_overlap=no
allow_transfer=no

[trunk-112]
type=identify
endpoint=trunk-112
match={incoming}
"""

_PARTY = """
[{name}](lab-party)
context={context}
aors={name}
send_pai=yes
{more}
[{name}]
type=identify
endpoint={name}
match={address}

[{name}]
type=aor
qualify_frequency=0
"""


_LAMPS = "allow_subscribe=yes\nsubscribe_context=pbx112-hints\n"


@dataclass(frozen=True)
class Parties:
    """The PJSIP endpoints that a plan names: desk phones by number, gateways by endpoint."""

    extensions: tuple[str, ...]
    trunks: tuple[str, ...]


def parties(plan: Plan) -> Parties:
    """Whom the plan can ring, in the file's order. What is not PJSIP is not among them."""
    extensions: dict[str, None] = {}
    trunks: dict[str, None] = {trunk.dial.rpartition("@")[2]: None for trunk in plan.trunks.values()}
    for _, line in plan.lines():
        technology, _, where = line.dial.partition("/")
        if technology == "PJSIP" and "@" not in where:
            extensions[where] = None
    return Parties(tuple(extensions), tuple(trunks))


def shipped(address: str, password: str) -> dict[str, str]:
    """The files of `dialplan/`, by name."""
    texts = {name: (SAMPLES / name).read_text() for name in SHIPPED if (SAMPLES / name).exists()}
    for name in ("http.conf", "manager.conf"):
        texts[name] = texts[name].replace("bindaddr=127.0.0.1", f"bindaddr={address}")
    return {name: text.replace("CHANGE-ME", password) for name, text in texts.items()}


def general(root: Path, name: str) -> dict[str, str]:
    """What any Asterisk in a folder of its own needs, for the one installed below `root`."""
    packaged = {f"{each}.conf": root / "etc/asterisk" / f"{each}.conf" for each in PACKAGED}
    return {
        **{
            name: path.read_text(errors="replace") if path.exists() else "" for name, path in packaged.items()
        },
        "asterisk.conf": _ASTERISK.format(
            here=INSIDE, modules=modules_below(root).relative_to(root), name=name
        ),
        "logger.conf": _LOGGER,
    }


def fitting(root: Path, files: Mapping[str, str]) -> dict[str, str]:
    """The same files for the Asterisk below `root`: an older one refuses an endpoint that names a profile of locations
    which only newer ones have ready-made."""
    if _release(root).ready_made_locations:
        return dict(files)
    line = "geoloc_incoming_call_profile=<discard_config>\n"
    return {name: text.replace(line, "") for name, text in files.items()}


@cache
def _release(root: Path) -> AsteriskInfo:
    text = said("chroot", root, "/usr/sbin/asterisk", "-V")
    return AsteriskInfo(parse_version(text), text)


def modules_below(root: Path) -> Path:
    """Where the modules of the Asterisk below `root` are."""
    return next(root.glob("usr/lib/*/asterisk/modules"), root / "usr/lib/asterisk/modules")


def pjsip(network: Network, who: Parties, unregistered: Iterable[str] = ()) -> str:
    """`pjsip.conf`: the incoming trunk, and an endpoint at a fixed address for each party.

    Nobody registers and nobody is asked for a sign of life: any phone that is put on the address rings.
    `unregistered` extensions are known and have no address.
    """
    text = [
        _TRANSPORT.format(
            address=network.exchange, port=SIP, incoming=network.incoming_trunk, silence=SILENCE
        )
    ]
    away = set(unregistered)
    for number in who.extensions:
        address = network.extension(number)
        text.append(_PARTY.format(name=number, context="pbx112-desk", more=_LAMPS, address=address))
        if number not in away:
            text.append(f"contact=sip:{number}@{address}:{SIP}\n")
    for name in who.trunks:
        address = network.trunk(name)
        text.append(
            _PARTY.format(name=name, context="pbx112-nowhere", more="allow_transfer=no\n", address=address)
        )
        text.append(f"contact=sip:{address}:{SIP}\n")
    return "".join(text)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Put the files into `folder`, for the owner's eyes only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
