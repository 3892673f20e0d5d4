"""The prompts: whether Asterisk has every sound that the plan's calls play."""

from __future__ import annotations

import msgspec

from pbx112.ari import AriHttp, NotFound
from pbx112.cli.checks.findings import Section
from pbx112.plan.types import Plan
from pbx112.sounds import texts

FOLDER = "pbx112"
"""Below Asterisk's folder of sounds, or below that of one language."""


class _Format(msgspec.Struct):
    language: str = ""


class _Sound(msgspec.Struct):
    id: str
    formats: list[_Format] = []


async def check_prompts(section: Section, ari: AriHttp, plan: Plan) -> None:
    """Say which prompts are missing. Raises :class:`pbx112.ari.AriError`."""
    there = {key for sound in await _sounds(ari) if (key := _key(sound))}
    wanted = texts(plan)
    missing = [key for key in wanted if key not in there]
    if not missing:
        section.right(f"all {len(wanted)} prompts are there")
        return
    remedy = "`pbx112 prompts DIR` speaks them there; `asterisk -rx 'module reload sounds'`"
    what = f"all {len(wanted)}" if len(missing) == len(wanted) else ", ".join(missing)
    section.doubt(f"prompts are missing in sounds/{FOLDER}: {what}; callers hear tones instead", remedy)


async def _sounds(ari: AriHttp) -> list[_Sound]:
    try:
        listed = await ari.request("GET", ("sounds",), apart=True)
    except NotFound as error:
        if error.message.startswith("No sounds"):  # that is how Asterisk says that it has none at all
            return []
        raise
    return msgspec.json.decode(listed, type=list[_Sound])


def _key(sound: _Sound) -> str:
    """The prompt that a sound is, empty where it is none. Asterisk takes the folder `sounds/pbx112` for a language."""
    if any(known.language == FOLDER for known in sound.formats):
        return sound.id
    folder, _, key = sound.id.partition("/")
    return key if folder == FOLDER else ""
