"""An entry's body as Postgres' `jsonb` takes it.

The exact bytes (`event.raw`), which the hash covers, are what queries read too, wherever `jsonb` takes them as they
are.
It refuses U+0000 and lone surrogates, which JSON may spell as escapes: they become U+FFFD, and `event.body` holds that.
What is no JSON at all becomes `{"unreadable": true}`. The same body always gives the same view.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

UNREADABLE = '{"unreadable": true}'

_whole: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def jsonb_view(body: bytes) -> str:
    """`body` for a `jsonb` column. Never raises."""
    try:
        if b"\\u" not in body:
            _whole.decode(body)
            return body.decode()
        return json.dumps(_clean(json.loads(body)), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return UNREADABLE


def kept_view(body: bytes) -> str | None:
    """:func:`jsonb_view`, or None where that is `body` itself and need not be kept a second time."""
    view = jsonb_view(body)
    return None if b"\\u" not in body and view != UNREADABLE else view


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_clean(key): _clean(part) for key, part in value.items()}
        case list():
            return [_clean(part) for part in value]
        case float() if not math.isfinite(value):
            raise ValueError("no number of JSON")
        case _:
            return value
