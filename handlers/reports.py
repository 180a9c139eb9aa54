"""Records in, Block Kit out: what the doctor and `providers` say. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.services.doctor import Diagnosis
from bot.services.vendors import Offer
from handlers.blocks import Message, paragraphs, section
from handlers.forms import describe
from handlers.link_words import link_fault, link_fix
from handlers.offers import why_unavailable
from handlers.phrases import clock, duration, escape, plural
from storage.records.links import LinkTrouble

_ABOUT = {
    "slack": "Slack's token, scopes and clock",
    "socket": "Connection to Slack",
    "database": "Database",
    "disk": "Disk",
    "ticks": "Our clock's ticks",
    "links": "Photo links from outside",
    "faces": "Face detector",
    "erasure": "Erasure",
}
_FIXES = {
    ("slack", "refused"): "Slack refuses the bot token ({words}): copy the Bot User OAuth Token anew.",
    ("slack", "scopes"): "the app lacks scopes: {words}. Add them in the Slack app and re-install it.",
    ("slack", "clock_off"): "this machine's clock is off by {words}: set it, vendors refuse such signatures.",
    ("slack", "no_answer"): "Slack cannot be reached: check the network.",
    ("socket", "not_connected"): "not connected just now; it is tried again by itself.",
    ("database", "no_answer"): "cannot be read: check the disk, then restart.",
    ("disk", "little_room"): "only {words}: make room, photos are not taken without it.",
    ("ticks", "stalled"): "stands still: {words}. Restart; nothing is lost.",
    ("erasure", "overdue"): "{words} overdue: the log says what kept the sweep from its work.",
    ("faces", "no_detector"): (
        "not installed, so photos without a face are not noticed: install the extra `faces`."
    ),
}
_VENDOR = {
    "unreachable": "cannot be reached; it is asked again every minute.",
    "credentials": "does not let us in, and is not offered until it does; new settings take a restart.",
    "refused": "answers our check with a refusal.",
    "retired": "has given up: {words}. What else it does works on.",
}
_OPTIONAL = {"faces", "socket"}
"""What one can do without, for a time or for good: a hint and no fault."""


def doctor(found: Sequence[Diagnosis]) -> Message:
    """One line for each thing looked at, with the fix where there is one to make."""
    bad = sum(1 for one in found if one.fault and one.about not in _OPTIONAL)
    head = f"{plural(bad, 'thing')} to mend." if bad else "All is well."
    return Message(head, (section(f"*{head}*"), *paragraphs([_line(one) for one in found])))


def _line(one: Diagnosis) -> str:
    about = _ABOUT.get(one.about, escape(one.about))
    if not one.fault:
        words = f" ({escape(one.words)})" if one.words and one.about in _ABOUT else ""
        return f":white_check_mark: *{about}*: well{words}"
    mark = ":information_source:" if one.about in _OPTIONAL else ":x:"
    since = f" Since {clock(one.since)}." if one.since else ""
    if trouble := LinkTrouble.read(one.fault):
        return f"{mark} *{about}*: {link_fault(trouble)}. {link_fix(trouble)}{since}"
    if one.about in _ABOUT:
        text = _FIXES.get((one.about, one.fault), "no answer.")
        return f"{mark} *{about}*: {text.format(words=escape(one.words))}{since}"
    text = _VENDOR.get(one.fault, "needs attention: see the log.").format(words=escape(one.words))
    advice = f" _{escape(one.words)}_" if one.words and one.fault != "retired" else ""
    return f"{mark} *{about}*: {text}{advice}{since}"


def providers(offers: Sequence[Offer]) -> Message:
    """What is set up, what each takes, and whether it answers now."""
    lines = []
    for offer in offers:
        state = why_unavailable(offer) if offer.fault else "answers now."
        times = offer.usual
        usual = f" Usually {duration(times[0])} to {duration(times[1])} here." if times else ""
        mark = ":x:" if offer.fault else ":white_check_mark:"
        lines.append(f"{mark} *{escape(describe(offer))}*: {state}{usual}")
    well = sum(1 for offer in offers if offer.ok)
    text = f"{well} of {plural(len(offers), 'way')} to train available now."
    return Message(text, (section(text), *paragraphs(lines)))
