"""The Web API's methods: what is here exists, everything else is ``unknown_method``."""

from bot.sandbox.slack.methods import auth, chat, conversations, files, people, views
from bot.sandbox.slack.methods._registry import Call, Method

METHODS: dict[str, Method] = {
    method.name: method
    for module in (auth, chat, conversations, files, people, views)
    for method in module.METHODS
}

__all__ = ["METHODS", "Call", "Method"]
