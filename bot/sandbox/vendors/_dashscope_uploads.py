"""Temporary uploads at the DashScope stand-in: a ticket, a form sent to the store, an `oss://` reference.

Whether the vendor's face models take such references is not known, so a setting says whether these do.
"""

import base64
import binascii
import hashlib
import json
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.sandbox.files import write_whole
from bot.sandbox.vendors._counter import Outcome, Refused
from bot.sandbox.vendors._dashscope_answers import ZONE, done, invalid
from bot.sandbox.vendors._dashscope_store import PREFIX, Store, no_object, origin_of
from bot.sandbox.vendors._forms import NotAForm, files_of, form_of
from bot.sandbox.vendors._links import Links, xml_error

KEY_ID = "sandboxOssKeyId"
POST_PATH = f"{PREFIX}/uploads"
_TICKET_SECONDS = 300.0
_MOST_BYTES = 64 * 1024 * 1024


class Uploads:
    """Tickets, and what was uploaded with them."""

    def __init__(self, store: Store, links: Links, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._links = links
        self._clock = clock

    async def ticket(self, request: Request) -> Outcome:
        """U1: what a temporary upload needs. Raises Refused."""
        if request.query_params.get("action") != "getPolicy":
            raise invalid("action must be getPolicy.")
        if not request.query_params.get("model"):
            raise invalid("model is required.")
        now = datetime.fromtimestamp(self._clock(), ZONE)
        folder = f"dashscope-instant/{uuid.uuid4().hex}/{now:%Y-%m-%d}/{uuid.uuid4()}"
        said = {"ends": self._clock() + _TICKET_SECONDS, "folder": folder}
        policy = base64.b64encode(json.dumps(said).encode()).decode()
        return done(
            data={
                "policy": policy,
                "signature": self._links.sign(policy),
                "upload_dir": folder,
                "upload_host": origin_of(request) + POST_PATH,
                "oss_access_key_id": KEY_ID,
                "x_oss_object_acl": "private",
                "x_oss_forbid_overwrite": "true",
            }
        )

    async def let_in(self, request: Request) -> Request:
        """The form brings its own credentials. Raises Refused."""
        if "authorization" in request.headers:
            raise _refused(400, "InvalidArgument", "Only one auth mechanism allowed.")
        return request

    async def post(self, request: Request) -> Outcome:
        """Take what is uploaded with a ticket. Raises Refused."""
        try:
            async with form_of(request) as form:
                path = self.path(self._key(form))
                files = files_of(form, "file")
                if len(files) != 1:
                    raise _refused(
                        400, "InvalidArgument", "POST requires exactly one file upload per request."
                    )
                if (files[0].size or 0) > _MOST_BYTES:
                    raise _refused(400, "EntityTooLarge", "Your proposed upload exceeds the maximum size.")
                if path.exists():
                    raise _refused(409, "FileAlreadyExists", "The object you specified already exists.")
                write_whole(path, await files[0].read())
                status = 200 if form.get("success_action_status") == "200" else 204
        except NotAForm as error:
            raise _refused(400, "MalformedPOSTRequest", str(error)) from error
        return Outcome(Response(status_code=status), status)

    def path(self, key: str) -> Path:
        """Where the object lies that was uploaded under this key. It need not exist."""
        # A key is a customer's word; only its hash becomes a file's name.
        return self._store.path(f"uploads/{hashlib.sha256(key.encode()).hexdigest()}")

    def _key(self, form: FormData) -> str:
        policy, key = str(form.get("policy", "")), str(form.get("key", ""))
        if form.get("OSSAccessKeyId") != KEY_ID:
            raise _refused(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist.")
        if not secrets.compare_digest(
            str(form.get("Signature", "")).encode(), self._links.sign(policy).encode()
        ):
            raise _refused(403, "SignatureDoesNotMatch", "The request signature does not match.")
        try:
            said = json.loads(base64.b64decode(policy, validate=True))
        except (binascii.Error, ValueError) as error:
            raise _refused(403, "AccessDenied", "Invalid according to Policy.") from error
        if said["ends"] <= self._clock():
            raise _refused(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        if not key.startswith(said["folder"] + "/"):
            raise _refused(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed.")
        if form.get("x-oss-object-acl") != "private" or form.get("x-oss-forbid-overwrite") != "true":
            raise _refused(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed.")
        return key


def _refused(status: int, code: str, message: str) -> Refused:
    return no_object(xml_error(status, code, message))
