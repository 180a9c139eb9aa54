"""The words for links that lead nowhere: why, for everybody, and what to do, for operators."""

from __future__ import annotations

from typing import assert_never

from storage.records.links import LinkFault, LinkMeans, LinkTrouble


def link_fault(trouble: LinkTrouble | None) -> str:
    """Why a link leads nowhere, after a colon."""
    return _LINK_FAULTS[trouble.fault] if trouble else "their links cannot be reached from outside"


_LINK_FAULTS: dict[LinkFault, str] = {
    LinkFault.NO_NAME: "the name in their links' address does not exist",
    LinkFault.REFUSED: "nobody answers at their links' address",
    LinkFault.SILENT: "no answer came from their links' address in time",
    LinkFault.CERTIFICATE: "the certificate of their links' address is not valid",
    LinkFault.REDIRECTED: "their links' address sends everybody elsewhere",
    LinkFault.NOT_FOUND: "what answers at their links' address does not know them",
    LinkFault.GATEWAY: "a proxy answers at their links' address and cannot reach what is behind it",
    LinkFault.PASSWORD: "what answers at their links' address wants a password",
    LinkFault.PAGE: "a web page comes in place of the photo",
    LinkFault.OTHER_BYTES: "something other than the photo comes from their links' address",
    LinkFault.BROKEN_OFF: "the photo breaks off half-way",
    LinkFault.ODD_ANSWER: "an error comes from their links' address",
    LinkFault.NO_BUCKET: "there is no bucket of the name that is set up for them",
    LinkFault.KEYS_REFUSED: "the photo store does not accept our keys, or they may not do this",
    LinkFault.CLOCK: "the photo store finds that our clock is wrong",
    LinkFault.STORE_REFUSES: "the photo store refuses to take them",
}


def link_fix(trouble: LinkTrouble) -> str:
    """What an operator does about it."""
    match trouble.means:
        case LinkMeans.RELAY:
            return _FIXES[trouble.fault].format(setting="`DARKROOM_PUBLIC_URL`")
        case LinkMeans.BUCKET if trouble.fault in _OF_THE_PROXY:
            return "Check endpoint, region and style in `DARKROOM_PHOTO_LINKS`, and what stands in between."
        case LinkMeans.BUCKET:
            return _FIXES[trouble.fault].format(setting="`DARKROOM_PHOTO_LINKS`")
        case _ as never:
            assert_never(never)


_OF_THE_PROXY = {
    LinkFault.NOT_FOUND,
    LinkFault.GATEWAY,
    LinkFault.PASSWORD,
    LinkFault.PAGE,
    LinkFault.OTHER_BYTES,
    LinkFault.BROKEN_OFF,
}
_FIXES: dict[LinkFault, str] = {
    LinkFault.NO_NAME: "Check the name in {setting}, and its DNS record.",
    LinkFault.REFUSED: "Check the address in {setting}, that what stands there runs, and the firewall.",
    LinkFault.SILENT: (
        "Check the address in {setting} and the firewall: this machine must reach it, as vendors must."
    ),
    LinkFault.CERTIFICATE: "Renew the certificate of the address in {setting}, or mend its chain.",
    LinkFault.REDIRECTED: "Write into {setting} where it leads in the end, path included.",
    LinkFault.NOT_FOUND: (
        "{setting} must lead to this Darkroom: check its path, and that the proxy passes `/p/…` on as it is."
    ),
    LinkFault.GATEWAY: (
        "Check that the proxy passes `/p/…` on to `DARKROOM_WEB_HOST` and `DARKROOM_WEB_PORT`."
    ),
    LinkFault.PASSWORD: "Let the proxy pass `GET` and `HEAD` for `/p/…` without signing in: vendors cannot.",
    LinkFault.PAGE: "Let the proxy pass `/p/…` on as it is: a sign-in or a portal stands in between.",
    LinkFault.OTHER_BYTES: (
        "{setting} leads to something else, or a proxy changes photos on their way: "
        "let it pass `/p/…` on as it is."
    ),
    LinkFault.BROKEN_OFF: "Check the proxy's limits on time and size, and its log.",
    LinkFault.ODD_ANSWER: "See the proxy's log, or the store's.",
    LinkFault.NO_BUCKET: "Make the bucket, or mend its name in {setting}.",
    LinkFault.KEYS_REFUSED: (
        "Check `DARKROOM_PHOTO_LINKS_KEY_ID` and `…_KEY_SECRET`: they must write, read and delete there."
    ),
    LinkFault.CLOCK: "Set this machine's clock (NTP): signatures are good for minutes only.",
    LinkFault.STORE_REFUSES: "Check region, endpoint and style in {setting}, and the bucket's own rules.",
}
