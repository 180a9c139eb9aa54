"""The consent page at ``/oauth/v2/authorize``: who installs the app, and what it may then do."""

from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.oauth import Wish
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.workspace import TEAM_NAME

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem } li { margin: .2rem 0 } code { font-size: .95em }
button { font: inherit; padding: .4rem 1.2rem; margin-right: .6rem } select { font: inherit }
@media (prefers-color-scheme: dark) { body { background: #1a1d21; color: #d1d2d3 } }
"""


class Consent:
    """What a person sees whom an app sends here, and what becomes of the answer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[BaseRoute]:
        """The one address; some apps still use the older spelling."""
        return [
            Route("/oauth/v2/authorize", self.page),
            Route("/oauth/v2/authorize", self.answer, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """Show what the app asks for."""
        try:
            wish = self._parts.oauth.wish(dict(request.query_params))
        except Refused as refused:
            return _no(refused)
        return _html(self._form(wish, request.url.query), redirect_uri=wish.redirect_uri)

    async def answer(self, request: Request) -> Response:
        """Send the browser back to the app with a code, or with the refusal."""
        async with request.form() as form:
            said = {name: str(value) for name, value in form.items() if name != "optional"}
            optional = frozenset(str(value) for value in form.getlist("optional"))
        oauth = self._parts.oauth
        try:
            wish = oauth.wish(dict(request.query_params))
            if said.get("answer") == "allow":
                user = self._parts.workspace.find_user(said.get("user", ""))
                location = oauth.allow(wish, user, optional)
            else:
                location = oauth.deny(wish)
        except Refused as refused:
            return _no(refused)
        return RedirectResponse(location, 302)

    def _form(self, wish: Wish, query: str) -> str:
        manifest = self._parts.workspace.manifest
        people = "".join(
            f'<option value="{escape(u.id)}">{escape(u.real_name)}</option>'
            for u in self._parts.oauth.installers()
        )
        asked = "".join(_scope(scope, optional=scope in wish.optional) for scope in wish.scopes)
        as_you = "".join(_scope(scope, optional=False) for scope in wish.user_scopes)
        own = f"<p>On your own behalf:</p><ul>{as_you}</ul>" if as_you else ""
        return (
            f"<h1>{escape(manifest.app_name)} asks to join {escape(TEAM_NAME)}</h1>"
            f'<form method="post" action="?{escape(query)}">'
            f'<p><label>You are <select name="user">{people}</select></label></p>'
            f"<p>It wants to:</p><ul>{asked}</ul>{own}"
            '<button name="answer" value="allow">Allow</button>'
            '<button name="answer" value="deny">Cancel</button></form>'
        )


def _scope(scope: str, *, optional: bool) -> str:
    name = f"<code>{escape(scope)}</code>"
    if not optional:
        return f"<li>{name}</li>"
    box = f'<input type="checkbox" name="optional" value="{escape(scope)}" checked>'
    return f"<li><label>{box} {name} (optional)</label></li>"


def _no(refused: Refused) -> Response:
    facts = "".join(f"<li>{escape(k)}: <code>{escape(str(v))}</code></li>" for k, v in refused.facts.items())
    return _html(
        f"<h1>This app cannot be installed</h1><p><code>{refused.error}</code></p><ul>{facts}</ul>", 400
    )


def _html(body: str, status: int = 200, redirect_uri: str = "") -> Response:
    back = urlsplit(redirect_uri)
    # A browser holds the redirect that follows the form against this list as well.
    targets = f"'self' {back.scheme}://{back.netloc}" if redirect_uri else "'self'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; form-action {targets}; frame-ancestors 'none'"
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Install an app</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>"
    )
    return HTMLResponse(
        page, status, headers={"content-security-policy": policy, "cache-control": "no-store"}
    )
