"""Finding one's way through blocks that hold blocks: containers, carousels and cards."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
ELEMENT_LISTS = {"actions": "elements", "context_actions": "elements", "card": "actions"}
BLOCK_LISTS = {"container": "child_blocks", "carousel": "elements"}
SINGLE = ("accessory", "element")
DEFAULTS: dict[str, Json] = {
    "plain_text": {"emoji": True},
    "mrkdwn": {"verbatim": False},
    "input": {"optional": False, "dispatch_action": False},
}


def all_blocks(blocks: Any) -> Iterator[Json]:
    """Walk through the blocks and those inside them, in the order they are seen."""
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict):
            yield block
            yield from all_blocks(block.get(BLOCK_LISTS.get(str(block.get("type")), "")))


def elements_of(block: Json) -> Iterator[Json]:
    """The elements of one block that can be pressed, chosen or typed into."""
    listed = block.get(ELEMENT_LISTS.get(str(block.get("type")), ""))
    for element in [*(listed if isinstance(listed, list) else ()), *(block.get(k) for k in SINGLE)]:
        if isinstance(element, dict) and element.get("type", "image") != "image":
            yield element


def rewritten(
    block: Json, change_block: Callable[[Json], Json], change_element: Callable[[Json], Json]
) -> Json:
    """Copy a block with every block and interactive element in it changed."""
    changed = change_block(block)
    kind = str(block.get("type"))
    if kind in BLOCK_LISTS:
        name = BLOCK_LISTS[kind]
        changed[name] = [rewritten(inner, change_block, change_element) for inner in block[name]]
    if kind in ELEMENT_LISTS and ELEMENT_LISTS[kind] in block:
        changed[ELEMENT_LISTS[kind]] = [change_element(e) for e in block[ELEMENT_LISTS[kind]]]
    for name in SINGLE:
        if isinstance(block.get(name), dict) and block[name].get("type", "image") != "image":
            changed[name] = change_element(block[name])
    return changed


def completed(node: Any) -> Any:
    """Copy blocks or a view, with what Slack fills in where an app left it out."""
    if isinstance(node, list):
        return [completed(item) for item in node]
    if not isinstance(node, dict):
        return node
    filled = {key: completed(value) for key, value in node.items()}
    return DEFAULTS.get(str(node.get("type")), {}) | filled
