"""The Web API's methods: what is here exists, everything else is ``unknown_method``."""

from bot.sandbox.slack.methods import (
    assistant,
    auth,
    chat,
    conversations,
    files,
    people,
    reactions,
    streams,
    views,
)
from bot.sandbox.slack.methods._registry import Call, Method

_MODULES = (assistant, auth, chat, conversations, files, people, reactions, streams, views)
METHODS: dict[str, Method] = {method.name: method for module in _MODULES for method in module.METHODS}

__all__ = ["METHODS", "Call", "Method"]
