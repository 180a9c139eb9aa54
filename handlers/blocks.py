"""Block Kit, as far as we use it: the parts that messages and modals are made of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handlers.ids import Action

Block = dict[str, Any]
_SECTION = 3000
"""Characters of a section at most."""


@dataclass(frozen=True, slots=True)
class Message:
    """A text, which is the notification and what a screen reader says, and its blocks."""

    text: str
    blocks: tuple[Block, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """As Slack's methods want them."""
        return {"text": self.text, "blocks": list(self.blocks)} if self.blocks else {"text": self.text}


def section(text: str) -> Block:
    """A paragraph."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_SECTION]}}


def paragraphs(lines: Sequence[str]) -> list[Block]:
    """Lines in as few sections as hold them: a section that is too long would be cut in a word."""
    blocks, held = [], ""
    for line in lines:
        longer = f"{held}\n{line}" if held else line
        if len(longer) > _SECTION:
            blocks.append(section(held))
            longer = line
        held = longer
    return [*blocks, section(held)]


def small(text: str) -> Block:
    """A line of small print."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text[:2000]}]}


def button(action: Action, label: str, value: str, *, style: str = "", confirm: Block | None = None) -> Block:
    """A button; `value` is an id of ours and everything else is looked up when it is pressed."""
    made: Block = {
        "type": "button",
        "action_id": action.value,
        "text": {"type": "plain_text", "text": label},
        "value": value,
    }
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    return made


def confirm(title: str, text: str, yes: str, no: str) -> Block:
    """A question before something that cannot be taken back."""
    return {
        "title": {"type": "plain_text", "text": title},
        "text": {"type": "plain_text", "text": text[:300]},
        "confirm": {"type": "plain_text", "text": yes},
        "deny": {"type": "plain_text", "text": no},
    }


def actions(*buttons: Block) -> tuple[Block, ...]:
    """A row of buttons, or nothing."""
    return ({"type": "actions", "elements": list(buttons)},) if buttons else ()
