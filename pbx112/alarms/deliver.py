"""One message to one destination, by Apprise, in a process of its own: `python -m pbx112.alarms.deliver`.

So whatever Apprise or a server does, it can be ended, and the watch goes on. The order comes on standard input and what
became of it goes to standard output, both as JSON: no secret is in the arguments, and none in what is said.
"""

from __future__ import annotations

import logging
import sys
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

LONGEST = 300
"""Characters of a reason."""
HOST_IS_PUBLIC = (
    "mailto",
    "mailtos",
    "json",
    "jsons",
    "form",
    "forms",
    "ntfy",
    "ntfys",
    "smseagle",
    "smseagles",
)
"""Schemes whose host is one; others have a secret there."""


class Order(msgspec.Struct):
    """What to send; an empty `body`: only see whether the address can be used."""

    url: str
    title: str = ""
    body: str = ""
    kind: str = "info"


class Outcome(msgspec.Struct):
    """Whether it was delivered, and why not."""

    delivered: bool
    why: str = ""


def deliver(order: Order) -> Outcome:
    """Do it. Raises whatever Apprise raises."""
    from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode

    told = _Told()
    logging.getLogger("apprise").addHandler(told)
    asset = AppriseAsset(
        storage_mode=PersistentStoreMode.MEMORY, allow_templates=False, image_path_mask="", plugin_paths=[]
    )
    plugin = Apprise.instantiate(order.url, asset=asset)
    if plugin is None:
        return Outcome(
            False, told.why(order.url) or "the address is not one that Apprise takes for this service"
        )
    if not order.body:
        return Outcome(True)
    post = Apprise(asset=asset)
    post.add(plugin)
    result = post.notify(
        body=order.body, title=order.title, notify_type=NotifyType(order.kind), body_format=NotifyFormat.TEXT
    )
    return Outcome(True) if result else Outcome(False, told.why(order.url) or "no reason was given")


class _Told(logging.Handler):
    """What Apprise warns of: the reason why something was not delivered."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        told = record.getMessage()
        if not told.startswith("Could not load"):  # it has parts of the address
            self._lines.append(told)

    def why(self, url: str) -> str:
        return scrubbed(" ".join(self._lines), url)[:LONGEST]


def scrubbed(text: str, url: str) -> str:
    """`text` without anything of the address that may be secret: user, password, path, what it asks for."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")
    words = [*where[0].split(":"), *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    if parts.scheme.lower() not in HOST_IS_PUBLIC:
        words += where[2].split(":")
    secret = {
        part for word in words for part in (word, unquote(word), *unquote(word).split()) if len(part) >= 4
    }
    for word in sorted(secret, key=len, reverse=True):
        text = text.replace(word, "***")
    return text


def main() -> None:
    """An order on standard input, its outcome on standard output."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        outcome = deliver(order)
    except ModuleNotFoundError as error:
        outcome = Outcome(False, f"{error.name} is not installed; pip install 'pbx112[alarms]'")
    except Exception as error:
        outcome = Outcome(False, scrubbed(f"{type(error).__name__}: {error}", order.url)[:LONGEST])
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
