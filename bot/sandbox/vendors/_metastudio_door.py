"""The gateway before MetaStudio: at this host, of this size, from whom, how often, for which tenant."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.requests import Request

from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._metastudio_answers import (
    body_too_large,
    invalid,
    not_allowed,
    not_published,
    other_tenant,
    throttled,
    unauthorised,
)
from bot.sandbox.vendors._metastudio_iam import Iam
from bot.sandbox.vendors._metastudio_parts import Call, Operation, Parts, Rates
from bot.sandbox.vendors._server import HOST
from bot.sandbox.vendors.sdk_hmac import SignatureRefused, SignedRequest, Verifier

_MAX_SIGNED_BODY = 12 * 1024 * 1024
_MAX_BODY = 32 * 1024 * 1024


class Door:
    """Decides who comes in. What it refuses never reaches an operation, nor a fault on order."""

    def __init__(self, parts: Parts, verifier: Verifier, iam: Iam, wall: Callable[[], float]) -> None:
        self._parts = parts
        self._verifier = verifier
        self._iam = iam
        self._wall = wall
        self._rates = Rates(parts.account.region, lambda: parts.settings, wall)

    async def let_in(self, action: str, operation: Operation, request: Request) -> Call:
        """Let a call in to one of MetaStudio's operations. All of these raise `Refused`."""
        self._check_host(request)
        call = await self.received(action, request)
        self._check_caller(request, call)
        if not self._rates.allows(operation.rate):
            raise throttled()
        self._check_tenant(request, call)
        return call

    async def let_in_to_iam(self, action: str, request: Request) -> Call:
        """Let a call in to IAM, where a project is not yet needed."""
        call = await self.received(action, request)
        self._check_caller(request, call, project=False)
        return call

    async def received(self, action: str, request: Request) -> Call:
        """Take a call in without asking who it is."""
        body = bytearray()
        async for chunk in request.stream():
            # Past the limit the rest is read and dropped, so that the answer finds a caller who listens.
            body += chunk[: max(0, _MAX_BODY + 1 - len(body))]
        signed = "authorization" in request.headers
        if len(body) > (_MAX_SIGNED_BODY if signed else _MAX_BODY):
            raise body_too_large()
        user = request.headers.get("x-app-userid")
        if user is not None and not user.isascii():
            raise invalid("X-App-UserId")
        return Call(
            action,
            request.path_params,
            request.query_params,
            bytes(body),
            request.headers.get("content-type", ""),
            user,
        )

    def _check_host(self, request: Request) -> None:
        """A region's own host serves that region only; loopback serves whoever asks."""
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        if host not in {HOST, "localhost", f"metastudio.{self._parts.account.region}.myhuaweicloud.com"}:
            raise not_published()

    def _check_caller(self, request: Request, call: Call, *, project: bool = True) -> None:
        signed, token = "authorization" in request.headers, "x-auth-token" in request.headers
        if not signed and not token:
            raise unauthorised("neither a signature nor a token")
        if signed:
            self._check_signature(request, call.body)
        if token:
            self._iam.check(request, call.action, project=project)

    def now(self) -> datetime:
        """The gateway's time, by which it judges signatures and dates its answers."""
        offset = self._parts.faults.peek({FaultKind.CLOCK})
        now = self._wall() + (0.0 if offset is None else offset.number("seconds", 3600.0))
        return datetime.fromtimestamp(now, UTC)

    def _check_signature(self, request: Request, body: bytes) -> None:
        signed = SignedRequest(
            method=request.method,
            path=request.scope["raw_path"],
            query=request.scope["query_string"],
            headers=request.headers.raw,
            body=body,
        )
        try:
            self._verifier.verify(signed, now=self.now())
        except SignatureRefused as no:
            raise unauthorised(str(no)) from no

    def _check_tenant(self, request: Request, call: Call) -> None:
        project_id = self._parts.account.project_id
        if {call.path["project_id"], request.headers.get("x-project-id", project_id)} != {project_id}:
            raise other_tenant()
        denied = self._parts.settings.denied
        if "*" in denied or call.action in denied:
            raise not_allowed()
