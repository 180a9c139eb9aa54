"""What Slack's answer means for a thing that was to be said."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.services.notifier import Said, Speech, Unsaid

NO_PLACE = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "thread_not_found", "cannot_reply_to_message"}
    | {"restricted_action", "restricted_action_thread_locked", "restricted_action_read_only_channel"}
)
"""There is no such place, or not for us."""
_NEVER = frozenset(
    {"user_disabled", "user_not_found", "message_not_found", "cant_update_message", "edit_window_closed"}
    | {
        "messages_tab_disabled",
        "msg_too_long",
        "no_text",
        "invalid_blocks",
        "missing_scope",
        "user_not_in_channel",
    }
)
_OURS = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"})


def verdict(error: Exception, *, posting: bool) -> Said:
    """LATER where nothing was posted, UNKNOWN where it may have been, NEVER where it cannot be.

    `posting`: a repeat would be seen. An edit may always be repeated.
    """
    if isinstance(error, SlackApiError):
        status = getattr(error.response, "status_code", None) or getattr(error.response, "status", None)
        status = status or 0
        get = getattr(error.response, "get", None)
        code = str(get("error") if callable(get) else "")
        if code in {"ratelimited", "rate_limited"} or status == 429:
            return Said(Speech.LATER, wait=_retry_after(error))
        if code in NO_PLACE or code in _NEVER:
            return Said(Speech.NEVER, why=code)
        if code in _OURS:
            return Said(Speech.LATER, wait=timedelta(minutes=1), why=code)
        if not code or status >= 500 or code in {"internal_error", "fatal_error", "request_timeout"}:
            return Said(Speech.UNKNOWN if posting else Speech.LATER, wait=timedelta(seconds=5), why=code)
        return Said(Speech.LATER, wait=timedelta(seconds=30), why=code)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Said(Speech.LATER, wait=timedelta(seconds=5))
    return Said(Speech.UNKNOWN if posting else Speech.LATER, wait=timedelta(seconds=5))


_GONE = frozenset({"file_not_found", "file_deleted", "message_not_found"})
_FORBIDDEN = NO_PLACE | {
    "cant_delete_file",
    "cant_delete_message",
    "compliance_exports_prevent_deletion",
    "missing_scope",
}


def taken_back(error: Exception) -> Unsaid:
    """What Slack's answer means for something of ours that was to go: GONE also where it was not there."""
    code = str(error.response.get("error")) if isinstance(error, SlackApiError) else ""
    if code in _GONE:
        return Unsaid.GONE
    return Unsaid.NEVER if code in _FORBIDDEN else Unsaid.LATER


def _retry_after(error: SlackApiError) -> timedelta:
    headers = getattr(error.response, "headers", {}) or {}
    value = headers.get("Retry-After") or headers.get("retry-after") or "5"
    return timedelta(seconds=int(value) if str(value).isdigit() else 5)
