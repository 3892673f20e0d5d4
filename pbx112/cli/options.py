"""What several commands take, and how they come to their settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from pbx112.ari import AriSettings
from pbx112.cli.errors import EX_CONFIG, Failed
from pbx112.cli.screen import complain
from pbx112.plan.load import PlanError, load_plan
from pbx112.plan.types import Plan
from pbx112.settings import Settings, SettingsError, load_settings
from pbx112.words import Language


def _lang(given: str) -> str:
    if given not in ("", "id", "en"):
        raise typer.BadParameter("write id or en")
    return given


Agencies = Annotated[
    Path | None,
    typer.Option(
        "--agencies", metavar="FILE", help="Use this plan instead of the one that PBX112_AGENCIES names."
    ),
]


Lang = Annotated[
    str,
    typer.Option(
        "--lang",
        metavar="id|en",
        help="Indonesian or English; else the service's own language.",
        callback=_lang,
    ),
]

StoryLang = Annotated[
    str,
    typer.Option("--lang", metavar="id|en", help="Tell it in Indonesian or English.", callback=_lang),
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


def language_of(given: str, plan: Plan | None) -> Language:
    """The language that was asked for, else the service's own."""
    match given or (plan.service.language if plan else "id"):
        case "en":
            return "en"
        case _:
            return "id"


def plan_of(settings: Settings) -> Plan | None:
    """The plan, for what can do without one; None (and a word on it) where it is bad or not there."""
    try:
        return load_plan(settings.agencies).plan
    except PlanError:
        complain(
            f"{settings.agencies} cannot be used; times are in the office's zone as the records have it",
            "yellow",
        )
        return None
