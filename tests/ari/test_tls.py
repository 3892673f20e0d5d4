"""ARI over TLS: the certificate is checked, and only then is the password said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from lab.cable import cable
from lab.certificates import Certificate, make_certificate
from lab.network import Network, free_net
from pbx112.ari import AriClient, AriHttp, AriSettings, NotSent
from pbx112.ari.events import StasisStart
from pbx112.settings import Settings, SettingsError

from .asterisk import PASSWORD, USER, Asterisk
from .conftest import Listener, connected, running

PORT = 8089
TLS = """
tlsenable=yes
tlsbindaddr={address}:{port}
tlscertfile=/mnt/tls/server.pem
tlsprivatekey=/mnt/tls/server.key
"""


class Encrypted(Asterisk):
    """An Asterisk that has ARI over TLS, and a certificate for its address."""

    def __init__(self, folder: Path) -> None:
        network = Network(free_net())
        super().__init__(folder, network)
        self.certificate: Certificate = make_certificate(self.folder / "tls", network.exchange)
        http = self.folder / "etc" / "http.conf"
        http.write_text(http.read_text() + TLS.format(address=network.exchange, port=PORT))
        self.url = f"https://{network.exchange}:{PORT}"


@pytest.fixture(scope="module")
async def encrypted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Encrypted]:
    asterisk = Encrypted(tmp_path_factory.mktemp("tls"))
    await asterisk.start()
    yield asterisk
    await asterisk.stop()


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_events_and_requests_go_over_tls(encrypted: Encrypted, app: str, transport: str) -> None:
    settings = encrypted.settings(app, ca=encrypted.certificate.authority, transport=transport)
    async with connected(settings) as (client, listener):
        await client.originate("Local/answers@phones", channel_id=app, app_args="", timeout=5)
        await listener.event(StasisStart)
        await client.hangup(app)


async def test_an_authority_that_did_not_sign_is_not_believed(encrypted: Encrypted, tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other", encrypted.network.exchange)
    async with AriHttp(encrypted.settings(ca=other.authority)) as ari:
        with pytest.raises(NotSent, match="certificate verify failed"):
            await ari.asterisk_info()


async def test_without_a_ca_file_the_systems_authorities_decide(encrypted: Encrypted) -> None:
    async with AriHttp(encrypted.settings()) as ari:
        with pytest.raises(NotSent, match="certificate verify failed"):
            await ari.asterisk_info()


async def test_a_certificate_for_another_address_is_not_believed(encrypted: Encrypted) -> None:
    """As whoever stands in between could show it."""
    async with cable(encrypted.url, encrypted.network.extension("between")) as between:
        settings = encrypted.settings(
            url=between.url.replace("http://", "https://"), ca=encrypted.certificate.authority
        )
        async with AriHttp(settings) as ari:
            with pytest.raises(NotSent, match="certificate verify failed: IP address mismatch"):
                await ari.asterisk_info()


def test_a_ca_file_that_is_none_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")
    for file, why in ((tmp_path / "nowhere.pem", "No such file"), (empty, "no certificate or crl")):
        settings = Settings(ari_url="https://127.0.0.1:8089", ari_password=SecretStr(PASSWORD), ari_ca=file)
        with pytest.raises(SettingsError, match=f"PBX112_ARI_CA.*{file.name}.*{why}"):
            settings.ari()


def test_a_ca_file_needs_https(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="https://"):
        AriSettings("http://127.0.0.1:8088", USER, PASSWORD, "app", ca=tmp_path / "ca.pem")


async def test_a_ca_file_that_is_away_for_a_while_ends_no_daemon(tmp_path: Path) -> None:
    """Its certificates are renewed while the connection is made anew."""
    authority = make_certificate(tmp_path / "tls", "127.114.0.9").authority
    settings = AriSettings(
        "https://127.114.0.9:9", USER, PASSWORD, "app", ca=authority, retry_first=0.01, retry_most=0.02
    )
    client = AriClient(settings, Listener())
    async with running(client) as task, asyncio.timeout(5):
        kept = authority.rename(tmp_path / "away")
        while not task.done() and "No such file" not in client.trouble:
            await asyncio.sleep(0.01)
        assert client.trouble == f"ARI's CA file {authority}: No such file or directory"
        kept.rename(authority)
        while not task.done() and "cannot connect" not in client.trouble:
            await asyncio.sleep(0.01)
        assert not task.done()
