"""Our own fetch of a link: whatever answers in place of the photo is found out, and named."""

import hashlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot.outside.reach import PublicReach
from storage.records.links import LinkFault
from storage.records.media import Medium
from tests.outside.servers import Naps, answer, own_certificate, saying
from tests.surface import free_port

BODY = b"\x89PNG and some bytes"
MEDIUM = Medium(hashlib.sha256(BODY).hexdigest(), "image/png", len(BODY), 1, 1)
PAGE = b"<html><form action=/login></form></html>"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def fetched(http: httpx.AsyncClient, *answers: bytes, naps: Naps | None = None) -> LinkFault | None:
    async with saying(*answers) as origin:
        return await PublicReach(http, sleep=Naps() if naps is None else naps).fetch(
            f"{origin}/p/x.png", MEDIUM
        )


async def test_the_photo_byte_for_byte_is_what_is_wanted(http: httpx.AsyncClient) -> None:
    seen: list[bytes] = []
    async with saying(answer("200 OK", BODY), seen=seen) as origin:
        assert await PublicReach(http).fetch(f"{origin}/p/x.png", MEDIUM) is None
    (head,) = seen
    assert head.startswith(b"GET /p/x.png HTTP/1.1\r\n")
    assert b"authorization" not in head.lower()
    assert b"cookie" not in head.lower()


WRONG = [
    (answer("404 Not Found", b"no"), LinkFault.NOT_FOUND),
    (answer("410 Gone"), LinkFault.NOT_FOUND),
    (answer("401 Unauthorized"), LinkFault.PASSWORD),
    (answer("403 Forbidden"), LinkFault.PASSWORD),
    (answer("502 Bad Gateway"), LinkFault.GATEWAY),
    (answer("503 Service Unavailable"), LinkFault.GATEWAY),
    (answer("504 Gateway Timeout"), LinkFault.GATEWAY),
    (answer("500 Oops"), LinkFault.ODD_ANSWER),
    (answer("429 Slower"), LinkFault.ODD_ANSWER),
    (answer("206 Partial Content", BODY), LinkFault.ODD_ANSWER),
    (answer("301 Moved", location="https://elsewhere.example.com/"), LinkFault.REDIRECTED),
    (answer("307 Moved", location="/login"), LinkFault.REDIRECTED),
    (answer("200 OK", PAGE, "text/html; charset=utf-8"), LinkFault.PAGE),
    (answer("200 OK", BODY[:-1] + b"!"), LinkFault.OTHER_BYTES),
    (answer("200 OK", BODY + b"more"), LinkFault.OTHER_BYTES),
    (answer("200 OK", BODY[:-1]), LinkFault.OTHER_BYTES),
    (answer("200 OK", BODY, "application/octet-stream"), LinkFault.OTHER_BYTES),
    (answer("200 OK", b"", "image/png"), LinkFault.OTHER_BYTES),
    (answer("200 OK", BODY, content_length="5000"), LinkFault.BROKEN_OFF),
    (b"SSH-2.0-OpenSSH_9.2\r\n", LinkFault.BROKEN_OFF),
]


@pytest.mark.parametrize(
    ("wrong", "fault"), WRONG, ids=[f"{fault}-{n}" for n, (_, fault) in enumerate(WRONG)]
)
async def test_anything_else_is_named_for_what_it_is(
    http: httpx.AsyncClient, wrong: bytes, fault: LinkFault
) -> None:
    assert await fetched(http, wrong) is fault


async def test_a_redirect_is_never_followed(http: httpx.AsyncClient) -> None:
    inside: list[bytes] = []
    async with saying(answer("200 OK", BODY), seen=inside) as target:
        assert await fetched(http, answer("302 Found", location=f"{target}/p/x.png")) is LinkFault.REDIRECTED
    assert inside == []


async def test_no_more_is_read_than_the_photo_is_long(http: httpx.AsyncClient) -> None:
    endless = answer("200 OK", b"x" * 3_000_000, content_length="900000000000")
    assert await fetched(http, endless) is LinkFault.OTHER_BYTES


async def test_nobody_there(http: httpx.AsyncClient) -> None:
    naps = Naps()
    fault = await PublicReach(http, sleep=naps).fetch(f"http://127.0.0.1:{free_port()}/p/x.png", MEDIUM)
    assert (fault, len(naps)) == (LinkFault.REFUSED, 2)


async def test_nothing_answers_in_time(http: httpx.AsyncClient) -> None:
    async with saying(b"", silent=True) as origin:
        reach = PublicReach(http, time=0.2, sleep=Naps())
        assert await reach.fetch(f"{origin}/p/x.png", MEDIUM) is LinkFault.SILENT


async def test_a_certificate_nobody_vouches_for(http: httpx.AsyncClient, tmp_path: Path) -> None:
    async with saying(answer("200 OK", BODY), context=own_certificate(tmp_path)) as origin:
        assert await PublicReach(http).fetch(f"{origin}/p/x.png", MEDIUM) is LinkFault.CERTIFICATE


async def test_no_tls_where_tls_was_expected(http: httpx.AsyncClient) -> None:
    async with saying(answer("200 OK", BODY)) as origin:
        url = origin.replace("http://", "https://") + "/p/x.png"
        assert await PublicReach(http, sleep=Naps()).fetch(url, MEDIUM) is LinkFault.CERTIFICATE


class NoSuchName(httpx.AsyncBaseTransport):
    """A network without this name: no test may ask a real one."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no") from socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_a_name_that_does_not_exist() -> None:
    async with httpx.AsyncClient(transport=NoSuchName()) as nowhere:
        assert await PublicReach(nowhere).fetch("https://darkroom.invalid/p/x", MEDIUM) is LinkFault.NO_NAME


async def test_a_proxy_that_starts_anew_is_given_a_moment(http: httpx.AsyncClient) -> None:
    naps = Naps()
    assert await fetched(http, answer("502 Bad Gateway"), answer("200 OK", BODY), naps=naps) is None
    assert len(naps) == 1


async def test_what_will_not_pass_by_itself_is_asked_once(http: httpx.AsyncClient) -> None:
    naps = Naps()
    await fetched(http, answer("404 Not Found"), answer("200 OK", BODY), naps=naps)
    assert naps == []
