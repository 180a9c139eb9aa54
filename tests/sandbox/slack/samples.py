"""Slack's published samples: for each kind of answer or payload the pointers in it, and the type at each.

`published.json` was drawn from the samples in slackapi/java-slack-sdk (`json-logs/samples`). Where messages,
files, views and what people do with them stand in something else, the type is "any": `shapes.py` has those.
"""

import json
from pathlib import Path
from typing import Any

PUBLISHED: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("published.json").read_text())
_TYPES = {"string": str, "number": int, "boolean": bool, "object": dict}


def sample(kind: str, keys: str, at: str = "") -> dict[str, Any]:
    """The types of the keys that are named, as Slack's sample of a kind has them below a pointer.

    A key `a/b` stands in the object `a`. Raises KeyError for a key that is in no sample.
    """
    shape: dict[str, Any] = {}
    for key in keys.split():
        *above, last = key.split("/")
        inside = shape
        for one in above:
            inside = inside.setdefault(one, {})
        inside[last] = _type(kind, f"{at}/{key}")
    return shape


def _type(kind: str, pointer: str) -> Any:
    known = PUBLISHED[kind][pointer]
    return [_type(kind, f"{pointer}/*")] if known == "array" else _TYPES[known]
