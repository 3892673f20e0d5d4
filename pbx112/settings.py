"""Addresses and secrets: `PBX112_…` from the environment, or from a file that only root reads.

Nothing here is about who is rung (that is `agencies.yaml`), and nothing here is ever logged whole.
"""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from pbx112.ari.settings import AriSettings

ENV_FILE = Path("/etc/pbx112/pbx112.env")
"""Read where it exists; the environment wins over it."""

SECRETS = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/secrets"))
"""A folder with a file for each secret (`pbx112_ari_password`): containers and systemd's `LoadCredential=` have one."""


_IP = "write the IP address of this machine, such as 127.0.0.1; a name is not taken"
_WRITE = {
    "node": "write 1 to 64 letters, digits, or any of _.-",
    "ari_url": "write http://127.0.0.1:8088, without a path",
    "ari_app": "write 1 to 40 letters, digits, or any of _-",
    "agi_host": "write an address of this machine alone: 127.0.0.1",
    "watch_host": _IP,
    "wallboard_host": _IP,
}
"""How each setting with a pattern is written."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message names each one and the remedy."""


class Settings(BaseSettings):
    """Where everything is. Each field is the environment variable `PBX112_<FIELD>` in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="PBX112_",
        env_file=ENV_FILE,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        extra="ignore",
        frozen=True,
    )

    agencies: Annotated[Path, Field(description="the plan")] = Path("/etc/pbx112/agencies.yaml")
    node: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="this machine's name in the records"),
    ] = Field(default_factory=lambda: socket.gethostname().split(".")[0] or "pbx112")

    ari_url: Annotated[str, Field(pattern=r"^https?://[^/@\s]+/?$")] = "http://127.0.0.1:8088"
    ari_ca: Path | None = None
    """With `https`: PEM file of the authority that signed Asterisk's certificate, or of that certificate itself; else
    the system's authorities."""
    ari_user: str = "pbx112"
    ari_password: SecretStr
    ari_app: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "pbx112"
    ari_transport: Literal["auto", "http", "websocket"] = "auto"

    ami_host: str = "127.0.0.1"
    ami_port: int = 5038
    ami_user: str = "pbx112"
    ami_password: SecretStr | None = None

    agi_host: Annotated[str, Field(pattern=r"^(127(\.[0-9]{1,3}){3}|::1)$")] = "127.0.0.1"
    """Where the codes of desk phones are served (FastAGI): on this machine alone."""
    agi_port: Annotated[int, Field(ge=1, le=65535)] = 4573
    desk_pins: Annotated[SecretStr | None, Field(description="agency=PIN, separated by blanks")] = None
    """The PINs (4 to 8 digits) with which agencies change their standby mobile: `damkar=4711 bpbd=0815`."""

    watch_host: Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+$")] = "127.0.0.1"
    """The IP address where `/healthz` and `/metrics` are served: on this machine alone, unless a Prometheus elsewhere
    is to ask. They hold no personal data, and ask for no password."""
    watch_port: Annotated[int, Field(ge=0, le=65535)] = 9112
    """0: not served."""

    wallboard_host: Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+$")] = "127.0.0.1"
    """The IP address of `pbx112 wallboard`: on this machine alone, unless there is no reverse proxy with TLS before
    it, and the room's own network is to reach it."""
    wallboard_port: Annotated[int, Field(ge=1, le=65535)] = 8112
    wallboard_password: SecretStr | None = None
    wallboard_password_file: Path | None = None
    """A file with the password alone, instead of it."""

    alarms: Path = Path("/etc/pbx112/alarms.conf")
    """The file of those whom `pbx112 alarms` tells: an Apprise URL on each line. It holds secrets: mode 0640."""

    dsn: SecretStr | None = None
    """Postgres, as libpq writes it. Without it calls are handled and journalled, and shipped once it is set."""

    recordings: Path = Path("/var/spool/asterisk/recording")
    """The folder in which Asterisk keeps recordings."""
    pseudonym_key: Path = Path("/var/lib/pbx112/pseudonym.key")
    """The secret by which numbers become pseudonyms at the end of their retention; made when first needed. Who deletes
    the file makes it impossible to tell again which number a pseudonym was."""

    anchor_key: Path = Path("/var/lib/pbx112/anchor.key")
    """The private key that signs anchors; `pbx112 audit key` makes it. Its public half is the auditor's."""
    anchors: Path = Path("/var/lib/pbx112/anchors.txt")
    """The file of anchors: signed heads of the chain of hashes, only ever added to. To be copied elsewhere."""
    syslog: Path = Path("/dev/log")
    """The socket of syslog (journald has one), which is told each anchor."""

    journal: Path = Path("/var/lib/pbx112/journal.db")
    fallback_records: Path = Path("/var/log/asterisk/pbx112-fallback.csv")
    """The file in which Asterisk itself writes down the calls that the dialplan handled alone."""
    asterisk_cdr: Path = Path("/var/log/asterisk/cdr-custom/pbx112.csv")
    """The file in which Asterisk writes its own record of each call, for `pbx112 audit reconcile`."""
    dialplan: Path = Path("/etc/asterisk/pbx112.conf")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def agi_address(self) -> str:
        """Host and port, as Asterisk writes them."""
        host = f"[{self.agi_host}]" if ":" in self.agi_host else self.agi_host
        return f"{host}:{self.agi_port}"

    @field_validator("desk_pins")
    @classmethod
    def _are_pins(cls, given: SecretStr | None) -> SecretStr | None:
        for word in given.get_secret_value().split() if given else ():
            if not re.fullmatch(r"[a-z][a-z0-9_]*=[0-9]{4,8}", word):
                raise ValueError(
                    "write agency=PIN with 4 to 8 digits, separated by blanks: damkar=4711 bpbd=0815"
                )
        return given

    @property
    def pins(self) -> dict[str, str]:
        """The PIN of each agency that has one."""
        words = self.desk_pins.get_secret_value().split() if self.desk_pins else []
        return {agency: pin for agency, _, pin in (word.partition("=") for word in words)}

    def ari(self) -> AriSettings:
        """How to reach Asterisk. Raises :class:`SettingsError` where the URL cannot be used."""
        from pbx112.ari.settings import (
            AriSettings,  # aiohttp comes with it: not for commands without Asterisk
        )

        try:
            return AriSettings(
                url=self.ari_url,
                user=self.ari_user,
                password=self.ari_password.get_secret_value(),
                app=self.ari_app,
                ca=self.ari_ca,
                transport=self.ari_transport,
            )
        except ValueError as error:
            raise SettingsError(f"PBX112_ARI_URL, PBX112_ARI_CA: {error}") from None


def load_settings(**overrides: Any) -> Settings:
    """The settings, `overrides` (those that are not None) first.

    Raises :class:`SettingsError`, one line for each fault, in an administrator's words.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            field = "_".join(str(part) for part in fault["loc"])
            lines.append(
                f"PBX112_{field.upper()}: {_why(fault, field)}; set it in the environment or in {ENV_FILE}"
            )
        raise SettingsError("\n".join(lines)) from None
    except PermissionError:
        try:
            return Settings(**given | {"_env_file": None})  # what the environment alone tells may be enough
        except ValidationError:
            raise SettingsError(f"{ENV_FILE}: not readable by this user; run as root or as pbx112") from None


def _why(fault: ErrorDetails, field: str) -> str:
    match fault["type"]:
        case "missing":
            return "is not set"
        case "string_pattern_mismatch":
            return _WRITE.get(field, "is not written as it has to be")
        case "value_error":
            return str(fault["ctx"]["error"])
        case _:
            return fault["msg"][:1].lower() + fault["msg"][1:]
