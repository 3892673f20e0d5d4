"""What several commands take, and how they come to their settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from pbx112.ari import AriSettings
from pbx112.cli.errors import EX_CONFIG, Failed
from pbx112.settings import Settings, SettingsError, load_settings

Agencies = Annotated[
    Path | None,
    typer.Option(
        "--agencies", metavar="FILE", help="Use this plan instead of the one that PBX112_AGENCIES names."
    ),
]


def settings_for(agencies: Path | None = None, *, ari: bool = True) -> Settings:
    """The settings; without `ari`, for a command that never speaks to Asterisk, its password may be missing.

    Raises :class:`pbx112.settings.SettingsError`.
    """
    return load_settings(agencies=agencies, ari_password=None if ari else "")


def lenient_settings(agencies: Path | None = None) -> Settings:
    """The settings, for a command that can do without Asterisk: only a missing ARI password is let pass.

    Raises :class:`pbx112.settings.SettingsError`.
    """
    try:
        return settings_for(agencies)
    except SettingsError:
        return settings_for(agencies, ari=False)


def ari_settings(settings: Settings, *, request_timeout: float = 5.0) -> AriSettings:
    """How to reach Asterisk. Raises :class:`Failed` where the URL cannot be used."""
    try:
        return replace(settings.ari(), request_timeout=request_timeout)
    except SettingsError as error:
        raise Failed(str(error), code=EX_CONFIG) from None


def dsn_of(settings: Settings) -> str:
    """Where Postgres is. Raises :class:`Failed` where nobody has said."""
    if settings.dsn is None:
        remedy = "set it to postgresql://USER:PASSWORD@HOST/DATABASE in the environment or in /etc/pbx112/pbx112.env"
        raise Failed(f"PBX112_DSN is not set: no Postgres is known; {remedy}", code=EX_CONFIG)
    return settings.dsn.get_secret_value()
