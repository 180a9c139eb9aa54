"""Links into a stand-in's object store."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.vendors._links import Links
from bot.sandbox.vendors._state import open_database
from tests.sandbox.vendors.scene import Clock

PATH = "/store/ana's first.jpg"


@contextmanager
def links_of(folder: Path, clock: Clock) -> Iterator[Links]:
    with closing(open_database(folder / "x.sqlite3")) as db:
        yield Links(db, clock=clock, key_parameter="OSSAccessKeyId", key_id="K")


def store(links: Links) -> Starlette:
    async def serve(request: Request) -> Response:
        return links.refusal(request) or Response(b"bytes")

    return Starlette(routes=[Route("/{path:path}", serve, methods=["GET", "PUT"])])


@pytest.fixture
def clock() -> Clock:
    return Clock(now=1_700_000_000)


@pytest.fixture
def links(tmp_path: Path, clock: Clock) -> Iterator[Links]:
    with links_of(tmp_path, clock) as links:
        yield links


@pytest.fixture
async def visitor(links: Links) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(store(links))
    async with httpx.AsyncClient(transport=transport, base_url="http://store", trust_env=False) as client:
        yield client


def said(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.text.partition("<Code>")[2].partition("</Code>")[0]


async def test_a_link_lets_anybody_in_until_it_ends(
    visitor: httpx.AsyncClient, links: Links, clock: Clock
) -> None:
    link = links.signed(PATH, seconds=60)
    assert (await visitor.get(link)).content == b"bytes"
    clock.now += 59
    assert (await visitor.get(link)).content == b"bytes"
    clock.now += 1
    assert said(await visitor.get(link)) == (403, "AccessDenied")


async def test_credentials_beside_a_link_are_refused(visitor: httpx.AsyncClient, links: Links) -> None:
    response = await visitor.get(links.signed(PATH, seconds=60), headers={"Authorization": "Bearer x"})
    assert said(response) == (400, "InvalidArgument")


async def test_a_link_opens_one_object_for_one_method_and_cannot_be_stretched(
    visitor: httpx.AsyncClient, links: Links
) -> None:
    link = links.signed(PATH, seconds=60)
    query = link.partition("?")[2]
    assert said(await visitor.get("/store/other.jpg?" + query)) == (403, "SignatureDoesNotMatch")
    assert said(await visitor.put(link)) == (403, "SignatureDoesNotMatch")
    assert (await visitor.head(link)).status_code == 403
    assert said(await visitor.get(link.replace("=1700000060", "=1700009999"))) == (
        403,
        "SignatureDoesNotMatch",
    )
    assert said(await visitor.get(link.replace("=K", "=L"))) == (403, "AccessDenied")
    assert said(await visitor.get(PATH)) == (403, "AccessDenied")
    crooked = urlencode({"Expires": "soon", "OSSAccessKeyId": "K", "Signature": "ä"})
    assert said(await visitor.get(f"{PATH}?{crooked}")) == (403, "AccessDenied")
    put = links.signed(PATH, seconds=60, method="PUT")
    assert (await visitor.put(put)).status_code == 200


async def test_a_link_outlives_a_restart_and_opens_no_other_store(tmp_path: Path, clock: Clock) -> None:
    with links_of(tmp_path, clock) as links:
        link = links.signed(PATH, seconds=60)
    for folder, status in ((tmp_path, 200), (tmp_path / "other", 403)):
        with links_of(folder, clock) as links:
            transport = httpx.ASGITransport(store(links))
            async with httpx.AsyncClient(transport=transport, base_url="http://store") as visitor:
                assert (await visitor.get(link)).status_code == status
