"""The parts of the dialplan that are the same for every plan."""

from __future__ import annotations

RECORD = "Set(FILE(${PBX112_RECORDS},,,al,u)=${STRFTIME(,,%s.%6q)},${PBX112_CALL},"
"""The start of a step that appends one line to the fallback's records: time, call, and then the fact.

Written by a dialplan function rather than by CEL, which an office may use otherwise: a function that is
missing, or a full disk, leaves the call alone, whereas a missing application would end it."""

LISTEN = " same => n,Set(TALK_DETECT(set)=3600000)\n"
"""Asterisk tells once when a sound comes from the caller (an hour of silence would have to pass before the next time).
Here and not by the daemon: a channel whose variables ARI has set may not append to the records any more (22.10.1)."""

INTAKE = """\
; pbx112: where 112 comes in, and who is rung when the daemon is not there.
;
; GENERATED from agencies.yaml, plan {plan}. Do not edit: change agencies.yaml, then
;     pbx112 dialplan --write && asterisk -rx 'dialplan reload'
; `pbx112 check` finds one that is older than the plan, or than pbx112.

[globals]
PBX112_PLAN={plan}
PBX112_MADE={made}
PBX112_RECORDS={records}

; The incoming trunks' context. The service number alone is let in; any other is refused with 404.
; Nothing that the caller sent becomes part of an argument. The caller hears ringing at once, whatever the daemon
; is doing and whichever plan it has; and that the call came, and went, stands in the fallback's records, should there
; be nobody else to tell.
[pbx112-intake]
exten => {number},1,Ringing()
 same => n,Set(PBX112_CALL=${{UNIQUEID}})
 same => n,Set(CHANNEL(hangup_handler_push)=pbx112-intake-end,s,1)
 same => n,GosubIf($["${{CHANNEL(channeltype)}}" = "PJSIP"]?pbx112-intake-noted,s,1)
 same => n,{record}entered,${{URIENCODE(${{CALLERID(num):0:80}})}},{number},${{URIENCODE(${{CHANNEL(name)}})}},{plan})
{listen} same => n,Stasis({app},intake${{PBX112_ABOUT}})
 same => n,GotoIf($["${{STASISSTATUS}}" = "SUCCESS"]?done)
 same => n,Goto(pbx112-fallback,s,1)
 same => n(done),Hangup()

[pbx112-intake-end]
exten => s,1,{record}left,${{HANGUPCAUSE}})
 same => n,Return()

; What a SIP trunk says of the caller and of where the caller is, noted for the daemon, which is told in one fixed word
; (PBX112_ABOUT) that there is something to look up. It may say anything: it is cut, and URI-encoded before all else;
; parentheses, which would end the encoding, become underscores.
; Never GEOLOC_PROFILE(...,r): that evaluates, as dialplan, what stands in the caller's document.
; Each header that is asked for costs Asterisk a turn of another thread: so first which there are. An older Asterisk
; (16.28) lists them by their beginnings only.
[pbx112-intake-noted]
exten => s,1,Set(PBX112_NAMES=${{TOLOWER(${{PJSIP_HEADERS():0:2000}})}})
 same => n,GosubIf($["${{PBX112_NAMES}}" = ""]?names,1)
{headers}
 same => n,GotoIf($["${{PBX112_GEOLOCATION}}" = ""]?said)
 same => n,Gosub(place,1)
 same => n(said),GotoIf($["{anything}" = ""]?done)
 same => n,Set(PBX112_ABOUT=,noted)
 same => n,Set(PBX112_NOTED={noted})
 same => n(done),Return()
exten => names,1,Set(PBX112_NAMES=${{TOLOWER({names})}})
 same => n,Return()
{notes}

; A mobile network often asserts two identities in one header, <sip:...>, <tel:...> (RFC 3325). Asterisk (22.10.1)
; cannot read that and takes From, which may be anonymous. Where the trunk is trusted, the first identity counts.
exten => number,1,Set(PBX112_SAID=${{REPLACE(PBX112_SAID,(),_)}})
 same => n,Set(PBX112_SECOND=${{CUT(PBX112_SAID,>,2)}})
 same => n,GotoIf($["${{FILTER(<,${{PBX112_SECOND}})}}" = ""]?done)
 same => n,GotoIf($["${{PJSIP_ENDPOINT(${{CHANNEL(endpoint)}},trust_id_inbound)}}" != "true"]?done)
 same => n,Set(PBX112_SAID=${{CUT(PBX112_SAID,>,1)}})
 same => n,Set(PBX112_SAID=${{CUT(PBX112_SAID,<,2)}})
 same => n,Set(PBX112_SAID=${{CUT(PBX112_SAID,@,1)}})
 same => n,Set(PBX112_SAID=${{FILTER(0-9+,${{CUT(PBX112_SAID,:,2)}})}})
 same => n,ExecIf($[${{LEN(${{PBX112_SAID}})}} >= 3]?Set(CALLERID(num)=${{PBX112_SAID:0:20}}))
 same => n(done),Return()
"""

TRANSFER_TRIES = 10
"""How often, once a second, a phone's own transfer looks for the daemon before the fallback takes it."""

TRANSFERRED = """\
; Asterisk's half of a transfer waits here for the daemon, which rings whom it names: nothing is dialled here. A daemon
; that dies in this moment is waited for; then the fallback takes the caller.
[pbx112-transferred]
exten => s,1(again),Stasis({app},transfer)
 same => n,GotoIf($["${{STASISSTATUS}}" = "SUCCESS"]?done)
 same => n,Ringing()
 same => n,Wait(1)
 same => n,Set(PBX112_TRIED=$[0${{PBX112_TRIED}} + 1])
 same => n,GotoIf($[${{PBX112_TRIED}} < {tries}]?again)
 same => n,Goto(pbx112-fallback,s,1)
 same => n(done),Hangup()
"""

DESK = """\
; What staff dial on desk phones outside a call; the desk phones' context includes this one. The daemon serves it and
; asks Asterisk itself which phone this is. Without the daemon it says so. No caller comes here.
[pbx112-desk-codes]
exten => _*{number}X,1,Goto(pbx112-desk-code,${{EXTEN}},1)

[pbx112-desk-code]
exten => _*{number}X,1,Answer()
 same => n,Set(PBX112_SERVED=)
 same => n,AGI(agi://{agi}/desk)
 same => n,GotoIf($["${{PBX112_SERVED}}" != ""]?done)
 same => n,Playback(pbx112/desk_away)
 same => n(done),Hangup()

; Who was called back picks up. (What Dial itself tells of the talk's length counts the desk phone's listening too.)
[pbx112-desk-answered]
exten => s,1,Set(MASTER_CHANNEL(PBX112_ANSWERED)=${{EPOCH}})
 same => n,Return()
"""

_HEADERS = {
    "IDENTITY": "P-Asserted-Identity",
    "NETWORK": "P-Access-Network-Info",
    "DIVERSION": "Diversion",
    "HISTORY": "History-Info",
    "GEOLOCATION": "Geolocation",
}
_NOTES = (*_HEADERS, "PLACE")


def _note(name: str, of: str, *more: str) -> str:
    steps = [
        f"Set(PBX112_SAID=${{{of}:0:320}})",
        f"Set(PBX112_{name}=${{URIENCODE(${{REPLACE(PBX112_SAID,(),_)}})}})",
        *more,
        "Return()",
    ]
    return f"exten => {name.lower()},1," + "\n same => n,".join(steps)


HEADERS = "\n".join(
    f' same => n,GosubIf($["${{PBX112_NAMES}}" =~ "{header.lower()}"]?{name.lower()},1)'
    for name, header in _HEADERS.items()
)
"""The steps that note each SIP header that there is."""

NAMES = "-".join(f"${{PJSIP_HEADERS({begins}):0:400}}" for begins in ("P-A", "Div", "Hist", "Geo"))
"""Which of them there are, asked by their beginnings."""

NOTES = "\n".join(
    [
        *(
            _note(name, f"PJSIP_HEADER(read,{header})", *(["Gosub(number,1)"] if name == "IDENTITY" else []))
            for name, header in _HEADERS.items()
        ),
        _note("PLACE", "GEOLOC_PROFILE(effective_location)"),
    ]
)
"""How one is noted, and the location document."""

ANYTHING = "".join(f"${{PBX112_{name}:0:1}}" for name in _NOTES)
"""Empty where nothing was noted of the caller."""

NOTED = "&".join(f"${{PBX112_{name}}}" for name in _NOTES)
"""All that was noted, as :mod:`pbx112.model.described` reads it."""

_LINE = ",".join(f"${{ARG{number}}}" for number in range(1, 11))

WITHOUT_PLAN = (
    """\
; The daemon does not ask: what was noted of the caller goes into the fallback's records.
[pbx112-fallback-noted]
exten => s,1,<record>described,<noted>)
 same => n,Return()

; Some lines ring together. ARG1 whom, ARG2 seconds. Comes back unless a human took the call and put the
; receiver down: a talk that broke (no more sound, the trunk's time is over) counts as a line that failed. The line's
; own channel knows it broke, and says so on the caller's within a moment.
[pbx112-fallback-wave]
exten => s,1,Set(__PBX112_WAVE=$[0${PBX112_WAVE} + 1])
 same => n,Dial(${ARG1},${ARG2},rgIU(pbx112-fallback-accepted))
 same => n,GotoIf($["${DIALSTATUS}" != "ANSWER"]?next)
 same => n,Wait(0.2)
 same => n,GotoIf($["${SHARED(PBX112_BROKE)}" != ""]?next)
 same => n,Set(PBX112_BY=staff)
 same => n,Hangup()
 same => n(next),Set(SHARED(PBX112_BROKE)=)
 same => n,Return()

; On the winner of a wave, just before it is joined to the caller.
[pbx112-fallback-accepted]
exten => s,1,<record>accepted,${CHANNEL(name):0:-2})
 same => n,Return()

; One line is rung, on the far half of a Local channel; both halves share the name up to its last two signs, which
; is therefore the leg's id. ARG1 owner, 2 number, 3 kind, 4 dial string, 5 seconds to ring, 6 accept,
; 7 seconds to accept, 8 trunk, 9 caller id for the trunk, 10 longest talk in seconds, 11 and 12 how many calls the
; trunk may carry at once, and be given within an hour. Whom a phone's own forwarding (302) names is not dialled.
[pbx112-fallback-leg]
exten => s,1,Set(__PBX112_LEG=${CHANNEL(name):0:-2})
 same => n,Set(CHANNEL(hangup_handler_push)=pbx112-fallback-leg-end,s,1)
 same => n,<record>offered,${PBX112_LEG},${PBX112_WAVE},<line>)
 same => n,GosubIf($["${ARG8}" != ""]?pbx112-fallback-trunk,s,1(${ARG8},${ARG11},${ARG12}))
 same => n,GotoIf($["${PBX112_STATUS}" != ""]?refused)
 same => n,Set(CALLERID(name)=${PBX112_SHOWN:0:40})
 same => n,Set(CALLERID(pres)=allowed)
 same => n,Set(CALLERID(num)=${IF($["${ARG9}" != ""]?${ARG9}:${FILTER(0-9+*#,${CALLERID(num):0:20})})})
 same => n,Set(PBX112_LIMIT=${IF($["${ARG10}" != ""]?S(${ARG10}))})
 same => n,Dial(${ARG4},${ARG5},giU(pbx112-fallback-answered^${ARG6}^${ARG7})${PBX112_LIMIT})
 same => n,Set(PBX112_DIALLED=${HANGUPCAUSE_KEYS()})
 same => n,GotoIf($["${PBX112_DIALLED}" = ""]?status)
 same => n,Set(PBX112_SIP=${FILTER(0-9,${HANGUPCAUSE(${PBX112_DIALLED},tech):4:3})})
 same => n(status),Set(PBX112_STATUS=${DIALSTATUS})
 same => n,GotoIf($["${ARG10}" != "" & 0${ANSWEREDTIME} >= 0${ARG10}]?limit)
 same => n,Hangup(${IF($[0${HANGUPCAUSE} > 0]?${HANGUPCAUSE}:19)})
 same => n(limit),Set(SHARED(PBX112_BROKE,${PBX112_CALLER})=1)
 same => n,Hangup(102)
 same => n(refused),Hangup(34)

; May one more call be given to a trunk? ARG1 trunk, 2 how many at once, 3 how many within an hour. One at a time, else
; two that come together would both be the last; who waits too long for the lock goes on without it.
; At once: the channels that are up or ring for this trunk, ours and those of the daemon, which marks its own.
; Within an hour: the last ARG3 moments are kept in Asterisk's own database, one beside the other in a ring; the call
; fits if the oldest of them is an hour ago. What the daemon placed is not among them.
[pbx112-fallback-trunk]
exten => s,1,Set(PBX112_LOCKED=${LOCK(pbx112-trunk)})
 same => n,GotoIf($[0${GROUP_COUNT(${ARG1}@pbx112trunk)} >= ${ARG2}]?full)
 same => n,Set(PBX112_PLACED=$[0${DB(pbx112/${ARG1}-${ARG3}/placed)} % ${ARG3}])
 same => n,Set(PBX112_AGO=$[${EPOCH} - 0${DB(pbx112/${ARG1}-${ARG3}/${PBX112_PLACED})}])
 same => n,GotoIf($[${PBX112_AGO} >= 0 & ${PBX112_AGO} < 3600]?hour)
 same => n,Set(GROUP(pbx112trunk)=${ARG1})
 same => n,Set(DB(pbx112/${ARG1}-${ARG3}/${PBX112_PLACED})=${EPOCH})
 same => n,Set(DB(pbx112/${ARG1}-${ARG3}/placed)=$[${PBX112_PLACED} + 1])
 same => n(end),Set(PBX112_LOCKED=${UNLOCK(pbx112-trunk)})
 same => n,Return()
 same => n(full),Set(PBX112_STATUS=TRUNK_FULL)
 same => n,Goto(end)
 same => n(hour),Set(PBX112_STATUS=TRUNK_HOUR_FULL)
 same => n,Goto(end)

; On a line that picked up. ARG1 how it accepts, ARG2 within how many seconds. A mobile is let go (CONTINUE) unless a
; human presses 1; this is said before anything is asked, since a voicemail that hangs up would else be joined to the
; caller. Without the prompt the key counts all the same.
[pbx112-fallback-answered]
exten => s,1,<record>answered,${PBX112_LEG})
 same => n,GotoIf($["${ARG1}" != "press_1"]?accepted)
 same => n,Set(GOSUB_RESULT=CONTINUE)
 same => n,Set(TIMEOUT(absolute)=${ARG2})
 same => n,Set(PBX112_ASKED=0)
 same => n(ask),Set(PBX112_ASKED=$[${PBX112_ASKED} + 1])
 same => n,Read(PBX112_KEY,pbx112/accept,1,,1,${ARG2})
 same => n,ExecIf($["${READSTATUS}" != "OK" & "${READSTATUS}" != "TIMEOUT"]?Read(PBX112_KEY,,1,,1,${ARG2}))
 same => n,GotoIf($["${PBX112_KEY}" = "1"]?accepted)
 same => n,GotoIf($[${PBX112_ASKED} < 5]?ask)
 same => n,Return()
 same => n(accepted),Set(TIMEOUT(absolute)=0)
 same => n,Set(GOSUB_RESULT=)
 same => n,Set(CHANNEL(hangup_handler_push)=pbx112-fallback-line-end,s,1)
 same => n,Return()

; A line whose human had the call is gone: put down (16), or broken?
[pbx112-fallback-line-end]
exten => s,1,GotoIf($["${HANGUPCAUSE}" = "16" | "${HANGUPCAUSE}" = "0"]?done)
 same => n,Set(SHARED(PBX112_BROKE,${PBX112_CALLER})=1)
 same => n,<record>broke,${PBX112_LEG},${HANGUPCAUSE})
 same => n(done),Return()

; The attempt is over. Without a status, the caller's side ended it.
[pbx112-fallback-leg-end]
exten => s,1,<record>leg_ended,${PBX112_LEG},${PBX112_STATUS},${HANGUPCAUSE},${PBX112_SIP})
 same => n,Return()

; Every possibility has been tried. Without the announcement, the tone that says so.
[pbx112-fallback-unreached]
exten => s,1,<record>announcement)
 same => n,Answer()
 same => n,Playback(pbx112/all_failed)
 same => n,ExecIf($["${PLAYBACKSTATUS}" != "SUCCESS"]?Congestion(10))
 same => n,Set(PBX112_BY=system)
 same => n,Hangup()

; The caller's channel is gone, whoever ended it.
[pbx112-fallback-end]
exten => s,1,<record>ended,${PBX112_BY},${HANGUPCAUSE})
 same => n,Return()
""".replace("<record>", RECORD)
    .replace("<line>", _LINE)
    .replace("<noted>", NOTED.replace("&", ","))
)
