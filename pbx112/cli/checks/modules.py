"""The modules of Asterisk that 112 cannot do without, and what for."""

from __future__ import annotations

from collections.abc import Iterable

from pbx112.ari import Module
from pbx112.cli.checks.findings import Section

DAEMON = "the daemon cannot handle calls without it"
FALLBACK = "the fallback dialplan cannot do without it"
PHONES = "phones and trunks are not reached without it"

NEEDED: dict[str, tuple[str, ...]] = {
    DAEMON: (
        "app_stasis", "res_stasis", "res_stasis_answer", "res_stasis_playback", "res_stasis_recording",
        "res_ari_applications", "res_ari_asterisk", "res_ari_bridges", "res_ari_channels", "res_ari_endpoints",
        "res_ari_events", "res_ari_playbacks", "res_ari_recordings", "bridge_simple", "bridge_softmix",
        "res_musiconhold", "func_callerid", "func_channel", "func_talkdetect", "format_wav",
    ),
    FALLBACK: (
        "pbx_config", "app_dial", "app_exec", "app_stack", "app_playback", "app_read", "func_cut", "func_db",
        "func_env", "func_global", "func_groupcount", "func_hangupcause", "func_lock", "func_logic", "func_strings",
        "func_timeout", "func_uri",
    ),
    PHONES: (
        "chan_pjsip", "res_pjsip", "res_pjsip_session", "res_pjsip_sdp_rtp", "res_pjsip_caller_id",
        "res_rtp_asterisk",
    ),
}  # fmt: skip
"""Consequence of its absence → modules, without `.so`."""


def check_modules(section: Section, modules: Iterable[Module], *, pjsip: bool) -> None:
    """Say which needed modules are missing; those for phones only where the plan rings by PJSIP."""
    running = {module.name.removesuffix(".so") for module in modules if module.status in ("Running", "")}
    wanted = {why: names for why, names in NEEDED.items() if pjsip or why != PHONES}
    for why, names in wanted.items():
        for name in names:
            if name not in running:
                remedy = f"`asterisk -rx 'module load {name}.so'`, and see that modules.conf loads it"
                section.wrong(f"module {name} is not running: {why}", remedy)
    present = sum(name in running for names in wanted.values() for name in names)
    if present == sum(map(len, wanted.values())):
        section.right(f"all {present} needed modules are running")


def check_second_count(section: Section, modules: Iterable[Module]) -> None:
    """Say whether Asterisk can write call detail records of its own, which `pbx112 audit reconcile` reads."""
    running = {module.name.removesuffix(".so") for module in modules if module.status in ("Running", "")}
    if {"cdr_custom", "func_cdr"} <= running:
        section.right("Asterisk can write its own count of calls (cdr_custom)")
    else:
        section.doubt(
            "Asterisk keeps no count of calls of its own: module cdr_custom or func_cdr is not running",
            "copy dialplan/cdr.conf and cdr_custom.conf, take `noload=cdr_custom.so` out of modules.conf, restart",
        )
