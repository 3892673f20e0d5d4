"""Where Asterisk's REST interface is and how patient the client is."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class AriSettings:
    """How to reach one Asterisk as one application. All durations are seconds.

    `url` is Asterisk's web server without `/ari` (`http://127.0.0.1:8088`; with `prefix` where `http.conf` has
    one). Over `https` Asterisk's certificate is checked, against `ca` where it is given, else against what the
    system trusts. Raises :class:`ValueError` where `url` or `ca` is not usable, or `url` carries a password.
    """

    url: str
    user: str
    password: str = field(repr=False)
    app: str
    ca: Path | None = None
    """PEM file of the authority, or of Asterisk's own certificate."""
    transport: Literal["auto", "http", "websocket"] = "auto"
    """How requests travel; `auto`: over the WebSocket where Asterisk has that."""
    request_timeout: float = 5.0
    heartbeat: float = 2.8
    """A ping after this long without a message; half as long again without a pong and the peer is dead."""
    http_connections: int = 20
    """At most this many for requests, well below `sessionlimit` (100) in Asterisk's http.conf."""
    max_in_flight: int = 2000
    """Unanswered requests beyond this number are refused as not sent: Asterisk hangs, do not pile up."""
    retry_first: float = 0.1
    retry_most: float = 3.0
    """Pauses between attempts to connect grow from the one to the other, shortened at random by up to half."""
    stable_after: float = 10.0
    """Only a connection that lasted this long makes the next pause short again."""
    unauthorized_pause: float = 10.0
    """The pause after a refused password, which only a human can mend."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"ARI URL {self.url!r}: write it as http://HOST:PORT")
        if parts.username or parts.password:
            raise ValueError("ARI URL: user and password do not belong into it; set them on their own")
        if self.ca is not None and parts.scheme != "https":
            raise ValueError(f"ARI URL {self.url!r}: with a CA file it must begin with https://")
        try:
            self.tls()
        except OSError as error:
            why = error.strerror or "it holds no certificate (PEM)"
            raise ValueError(f"ARI's CA file {self.ca}: {why}") from None

    def tls(self) -> ssl.SSLContext | None:
        """What checks Asterisk's certificate and the host in it; None where nothing is encrypted."""
        if urlsplit(self.url).scheme != "https":
            return None
        return ssl.create_default_context(cafile=self.ca)

    @property
    def base(self) -> str:
        """The URL under which ARI's resources are."""
        return self.url.rstrip("/") + "/ari"
