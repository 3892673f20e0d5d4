"""An exchange as an office would have it, with the samples of `dialplan/trunks/`, and who is at their far ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lab import config
from lab.asterisk import Asterisk
from lab.certificates import make_certificate
from lab.exchange import Exchange
from lab.network import SIP
from lab.phones import SILENT, Behaviour
from lab.processes import eventually

FOLDER = config.SAMPLES / "trunks"
PASSWORD = "registers-112"
ADDRESSES = {
    "10": "operator",
    "20": "gsm",
    "21": "fxo",
    "30": "registered",
    "40": "office-pbx",
    "50": "operator-tls",
}
"""The samples' example addresses by their last number, and the endpoint that each is of."""

REGISTERED = "+6281200000005"
ENCRYPTED = "+6281200000006"
GATEWAYS = {
    "operator": "+6281200000001",
    "gsm": "+6281200000002",
    "fxo": "+6273961001",
    "office-pbx": "+6273961002",
}
"""By endpoint: the number that the plan has behind it. The two that lead to the second Asterisk have their own."""

_PLAN = """
version: 1
service: {name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta}
%(trunks)s
call_takers:
  ring_for: 2
  lines: [{extension: "1101"}]
  then: damkar
agencies:
  damkar:
    name: Dinas Damkar
    code: "13"
    lines:
%(lines)s
default_agency: damkar
"""


def field_plan() -> str:
    """One agency, with a line behind each of the samples' trunks."""
    numbers = GATEWAYS | {"registered": REGISTERED, "operator-tls": ENCRYPTED}
    trunks = (FOLDER / "trunks.yaml").read_text()
    names = dict(re.findall(r'^  (\w+):.*?@([\w-]+)"', trunks, re.MULTILINE | re.DOTALL))
    assert set(names.values()) == set(numbers)
    lines = "".join(
        f'      - {{mobile: "{numbers[endpoint]}", trunk: {trunk}, ring_for: 3, accept_for: 4}}\n'
        for trunk, endpoint in names.items()
    )
    return _PLAN % {"trunks": trunks, "lines": lines}


class Field(Exchange):
    """An exchange whose trunks are the samples, at addresses of its own net."""

    operator: Operator

    async def attended(self, behaviours: Mapping[str, Behaviour]) -> None:
        """From now on these phones; the gateways of which nothing is said are there too, and silent.

        Were one away for a moment, Asterisk's question of that moment could end unanswered three seconds later, after
        a newer one that was answered: the gateway is there, and counts as unreachable.
        """
        await self.phones(dict.fromkeys(GATEWAYS.values(), SILENT) | dict(behaviours))

    async def registered(self) -> None:
        """Wait until the operator has let us register."""

        async def is_registered() -> bool:
            return "Registered" in await self.asterisk.ask("pjsip show registrations")

        await eventually(is_registered, within=10, pause=0.1)

    def _asterisk_files(self) -> dict[str, str]:
        known = config.parties(self.plan)
        phones = config.pjsip(self.network, config.Parties(known.extensions, ()), self.unregistered)
        samples = "\n".join(each.read_text() for each in sorted(FOLDER.glob("*.conf")))
        for last, endpoint in ADDRESSES.items():
            samples = re.sub(rf"192\.0\.2\.{last}\b", self.network.trunk(endpoint), samples)
        samples = samples.replace("192.0.2.", f"{self.network.prefix}.8.").replace("CHANGE-ME", PASSWORD)
        return super()._asterisk_files() | {"pjsip.conf": f"{phones}\n{self._with_keys(samples)}"}

    def _with_keys(self, samples: str) -> str:
        """The certificates where the samples expect them, made once: ours, and who vouches for the operator's."""
        keys = self.folder / "asterisk" / "keys"
        if not keys.exists():
            ours = make_certificate(keys, self.network.exchange)
            theirs = make_certificate(self.far_keys, self.network.trunk("operator-tls"))
            ours.shown.rename(keys / "pbx112.crt")
            ours.key.rename(keys / "pbx112.key")
            (keys / "operator-ca.crt").write_bytes(theirs.authority.read_bytes())
            (self.far_keys / "pbx112-ca.pem").write_bytes(ours.authority.read_bytes())
        samples = samples.replace("/etc/asterisk/keys", str(config.INSIDE / "keys"))
        return samples.replace("bind=0.0.0.0:", f"bind={self.network.exchange}:")

    @property
    def far_keys(self) -> Path:
        """The operator's."""
        return self.folder / "operator" / "keys"


_FAR_MODULES = """
[modules]
autoload=yes
noload=res_ari.so
noload=chan_iax2.so
noload=chan_unistim.so
"""

_FAR_PJSIP = """
[global]
type=global
endpoint_identifier_order=header,username,ip

[registrar]
type=transport
protocol=udp
bind={registered}:{port}

[another-gateway]
type=transport
protocol=udp
bind={elsewhere}:{port}

[office]
type=transport
protocol=udp
bind={office}:{office_port}

[tls]
type=transport
protocol=tls
bind={encrypted}:5061
method=tlsv1_2
cert_file=/mnt/keys/server.pem
priv_key_file=/mnt/keys/server.key
ca_list_file=/mnt/keys/pbx112-ca.pem
verify_server=yes

[customer](!)
type=endpoint
disallow=all
allow=alaw
direct_media=no

[0739112](customer)
transport=registrar
context=mobiles
auth=0739112
aors=0739112

[0739112]
type=auth
auth_type=userpass
username=0739112
password={password}

[0739112]
type=aor
max_contacts=1

[elsewhere](customer)
transport=another-gateway
aors=0739112

[112-tls](customer)
transport=tls
context=mobiles
media_encryption=sdes
identify_by=header
aors=112-tls

[112-tls]
type=aor
contact=sip:{exchange}:5061\\;transport=tls

[112-tls]
type=identify
endpoint=112-tls
match_header=To: /{encrypted}[^0-9]/

[plain-speech](customer)
transport=tls
aors=112-tls

[emergency](customer)
transport=office
send_pai=yes
aors=emergency

[emergency]
type=aor
contact=sip:{exchange}:{port}

[emergency]
type=identify
endpoint=emergency
match={exchange}
"""

_FAR_DIALPLAN = """
[registered]
exten => _0X.,1,Set(CALLERID(num)=${EXTEN})
 same => n,Dial(PJSIP/0739112)

[elsewhere]
exten => _0X.,1,Set(CALLERID(num)=${EXTEN})
 same => n,Dial(PJSIP/elsewhere)

[office-pbx]
exten => _0X.,1,Set(CALLERID(num)=${EXTEN})
 same => n,Dial(PJSIP/112@emergency)

[tls]
exten => _0X.,1,Set(CALLERID(num)=${EXTEN})
 same => n,Dial(PJSIP/112@112-tls)

[plain-speech]
exten => _0X.,1,Set(CALLERID(num)=${EXTEN})
 same => n,Dial(PJSIP/112@plain-speech)
 same => n,Log(NOTICE,refused ${EXTEN} with ${HANGUPCAUSE})

[mobiles]
exten => _+X.,1,Log(NOTICE,called ${EXTEN} by ${PJSIP_HEADER(read,P-Asserted-Identity)})
 same => n,GotoIf($["${WANTED}" != "${EXTEN}"]?busy)
 same => n,Answer()
 same => n,Wait(1)
 same => n,SendDTMF(1)
 same => n,Log(NOTICE,talks ${EXTEN} encrypted ${CHANNEL(rtp,secure,audio)})
 same => n,Set(CHANNEL(hangup_handler_push)=talked,${EXTEN},1)
 same => n,Echo()
 same => n(busy),Hangup(17)

[talked]
exten => _+X.,1,Log(NOTICE,heard ${EXTEN} packets ${CHANNEL(rtcp,rxcount,audio)})
 same => n,Return()
"""


class Operator(Asterisk):
    """A second Asterisk at the far end: an operator with whom one registers, that calls back from another gateway
    too, and the office's IP PBX."""

    def __init__(self, field: Field) -> None:
        network = field.network
        pjsip = _FAR_PJSIP.format(
            registered=network.trunk("registered"),
            encrypted=network.trunk("operator-tls"),
            elsewhere=f"{network.prefix}.8.31",
            office=network.trunk("office-pbx"),
            exchange=network.exchange,
            password=PASSWORD,
            port=SIP,
            office_port=SIP + 2,  # its own port is the SIPp's that is called there
        )
        field.operator = self
        files = {"modules.conf": _FAR_MODULES, "pjsip.conf": pjsip, "extensions.conf": _FAR_DIALPLAN}
        super().__init__(field.folder / "operator", files)

    async def picks_up(self, mobile: str) -> None:
        """From now on this one is picked up and presses 1; the others (all, where it is empty) are busy."""
        await self.ask(f"dialplan set global WANTED {mobile or 'nobody'}")

    async def hang_up(self) -> None:
        """End all calls that it has."""
        await self.ask("channel request hangup all")

    async def calls(self, number: str, way: str) -> None:
        """A citizen with this number dials 112 behind it; `way` is a context of its dialplan."""
        await self.ask(f"channel originate Local/{number}@{way} application Milliwatt")

    async def says(self, words: str) -> str:
        """Wait until its dialplan has said something that begins with `words`; the rest of the last such line."""
        log, pattern = self.folder / "log" / "messages", re.compile(re.escape(words) + "(.*)")
        await eventually(lambda: bool(pattern.search(log.read_text())), within=10, pause=0.05)
        return str(pattern.findall(log.read_text())[-1])
