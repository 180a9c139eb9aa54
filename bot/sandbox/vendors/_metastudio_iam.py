"""IAM as far as MetaStudio needs it: tokens for a password, and the id of a project."""

import secrets
import sqlite3
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from starlette.requests import Request

from bot.sandbox.vendors._counter import Outcome, Refused
from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._metastudio_answers import (
    Done,
    bad_token,
    json_response,
    other_tenant,
    token_expired,
)
from bot.sandbox.vendors._metastudio_fields import Body
from bot.sandbox.vendors._metastudio_parts import Call, Parts
from bot.sandbox.vendors._state import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, project_id TEXT, expires_at REAL NOT NULL)
"""
_DOMAIN_ID = "d78cbac186b744899480f25bd022f468"
_USER_ID = "7116d09f88fa41908676fdd4b039e95b"


class _Domain(Body):
    name: str | None = None
    id: str | None = None


class _User(Body):
    domain: _Domain
    name: str
    password: str = Field(repr=False)


class _Password(Body):
    user: _User


class _Identity(Body):
    methods: Annotated[list[Literal["password"]], Field(min_length=1)]
    password: _Password


class _Project(Body):
    name: str | None = None
    id: str | None = None


class _Scope(Body):
    project: _Project | None = None
    domain: _Domain | None = None


class _Auth(Body):
    identity: _Identity
    scope: _Scope | None = None


class _TokenWish(Body):
    auth: _Auth


class Iam:
    """Issues tokens and knows them again."""

    def __init__(self, parts: Parts, db: sqlite3.Connection) -> None:
        self._parts = parts
        self._db = db
        db.execute(_SCHEMA)

    async def create_token(self, call: Call) -> Done:
        """`POST /v3/auth/tokens`: needs no other proof than the password."""
        account = self._parts.account
        try:
            asked = _TokenWish.model_validate_json(call.body).auth
        except ValidationError as error:
            raise iam_error(400, "Bad Request", "Request body is invalid.") from error
        user = asked.identity.password.user
        if (user.domain.name, user.name, user.password) != (account.domain, account.user, account.password):
            raise iam_error(401, "Unauthorized", "The username or password is wrong.")
        now = self._parts.clock()
        expires_at = now + self._parts.settings.token_seconds
        project = self._project_of(asked.scope)
        # The vendor's are base64 of something signed, begin so, and are far longer than an id.
        token = "MII" + secrets.token_urlsafe(1200)
        self._db.execute("INSERT INTO tokens VALUES (?, ?, ?)", (token, project, expires_at))
        domain: Json = {"id": _DOMAIN_ID, "name": account.domain}
        shown: dict[str, Json] = {
            "methods": ["password"],
            "issued_at": _instant(now),
            "expires_at": _instant(expires_at),
            "user": {"id": _USER_ID, "name": account.user, "domain": domain},
            "roles": [{"id": "0", "name": "te_admin"}],
        }
        if project is not None:
            shown["project"] = {"id": project, "name": account.region, "domain": domain}
        else:
            shown["domain"] = domain
        if call.query.get("nocatalog") is None:
            shown["catalog"] = []
        return Done({"token": shown}, status=201, headers={"X-Subject-Token": token})

    async def list_projects(self, call: Call) -> Done:
        """`GET /v3/projects`: the one project, if its name is asked for or none is."""
        account = self._parts.account
        projects: list[Json] = []
        if call.query.get("name") in {None, account.region}:
            projects.append(
                {
                    "id": account.project_id,
                    "name": account.region,
                    "domain_id": _DOMAIN_ID,
                    "parent_id": _DOMAIN_ID,
                    "is_domain": False,
                    "enabled": True,
                    "description": "",
                }
            )
        return Done({"projects": projects, "links": {"self": "/v3/projects"}})

    def check(self, request: Request, action: str, *, project: bool = True) -> None:
        """Let a token's bearer in.

        Raises:
            Refused: the token is unknown, over, or (where that matters) another tenant's.
        """
        token = request.headers.get("x-auth-token", "")
        row = self._db.execute("SELECT * FROM tokens WHERE token = ?", (token,)).fetchone()
        if row is None:
            raise bad_token()
        expired = self._parts.faults.take({FaultKind.TOKEN_EXPIRED}, action) is not None
        if expired or row["expires_at"] <= self._parts.clock():
            raise token_expired()
        if project and row["project_id"] != self._parts.account.project_id:
            raise other_tenant()

    def _project_of(self, scope: _Scope | None) -> str | None:
        account = self._parts.account
        if scope is None or scope.project is None:
            return None
        if scope.project.id not in {None, account.project_id} or scope.project.name not in {
            None,
            account.region,
        }:
            raise iam_error(401, "Unauthorized", "The project is not found.")
        return account.project_id


def iam_error(status: int, title: str, message: str) -> Refused:
    """IAM nests its errors as Keystone does, and has no codes of its own."""
    body: Json = {"error": {"code": status, "message": message, "title": title}}
    return Refused(Outcome(json_response(status, body), status, title))


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
