"""A customer with the vendor's own client, a film and papers, and the stand-in, over real HTTP."""

import asyncio
import base64
import io
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from huaweicloudsdkmetastudio import v1
from PIL import Image

from bot.sandbox.clock import WorldClock
from bot.sandbox.vendors.metastudio import PROJECT_ID, MetastudioStandIn
from bot.sandbox.vendors.metastudio_control import MetastudioControl, State
from bot.sandbox.vendors.sdk_hmac import Key

KEY = Key("AKEXAMPLEEXAMPLE0001", "SKexampleSKexampleSKexampleSKexample0001")
STS = Key("STSEXAMPLEEXAMPLE001", "SKlentSKlentSKlentSKlent", "lent-token+/=")
PREFIX = f"/v1/{PROJECT_ID}"
JOBS = f"{PREFIX}/digital-human-training-manage/user/jobs"
VOICE = "f5e6a13eab4443fa85421191ad061780"
TEXT = "Hello."
PLAIN = "application/octet-stream"


@cache
def film(
    size: tuple[int, int] = (1920, 1080), seconds: int = 200, kind: str = "mp4", step: int = 20
) -> bytes:
    """A real film of that size and length, with a picture every few seconds so that it costs little."""
    sink = io.BytesIO()
    with av.open(sink, "w", format=kind) as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast"}
        stream.codec_context.time_base = Fraction(1, 1)
        for at in [*range(0, seconds - 1, step), seconds - 1]:
            picture = np.full((size[1], size[0], 3), 40 + at % 180, np.uint8)
            picture[size[1] // 4 : size[1] // 2, size[0] // 3 : size[0] // 2] = (200, 120, 60)
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts = at
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return sink.getvalue()


@cache
def photo(kind: str = "JPEG", size: tuple[int, int] = (320, 400)) -> bytes:
    """A photo that costs nothing to make."""
    across = np.linspace(0, 1, size[0])[None, :, None] * np.array((180, 90, 40))
    sink = io.BytesIO()
    Image.fromarray(np.uint8(np.repeat(across, size[1], axis=0))).save(sink, kind)
    return sink.getvalue()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def signed(
    method: str,
    path: str,
    *,
    host: str,
    key: Key = KEY,
    query: list[tuple[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    at: float | None = None,
) -> SdkRequest:
    """A request as the vendor's own signer leaves it."""
    stamped = {"X-Sdk-Date": datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")} if at else {}
    request = SdkRequest(
        method=method,
        schema="http",
        host=host,
        resource_path=path,
        query_params=list(query or []),
        header_params={**stamped, **(headers or {})},
        body=body,
    )
    if key.security_token is not None:
        request.header_params["X-Security-Token"] = key.security_token
    return Signer(BasicCredentials(key.ak, key.sk, PROJECT_ID)).sign(request)


class Customer:
    """Calls with the vendor's client, or by hand where that client is too polite."""

    def __init__(self, origin: str, clock: Callable[[], float]) -> None:
        self.origin = origin
        self.host = origin.removeprefix("http://")
        self._clock = clock
        self.client = self.with_key(KEY)
        # There is no TLS here, and to make ready for it takes longer than a whole test.
        self.http = httpx.AsyncClient(base_url=origin, trust_env=False, timeout=30, verify=False)
        self._bare = httpx.AsyncClient(trust_env=False, timeout=30, verify=False)

    def with_key(self, key: Key, project_id: str = PROJECT_ID) -> v1.MetaStudioClient:
        """The vendor's client with a key of one's own."""
        credentials = BasicCredentials(key.ak, key.sk, project_id)
        if key.security_token is not None:
            credentials = credentials.with_security_token(key.security_token)
        config = HttpConfig.get_default_config()
        config.timeout = (5, 30)
        return (
            v1.MetaStudioClient.new_builder()
            .with_credentials(credentials)
            .with_endpoint(self.origin)
            .with_http_config(config)
            .build()
        )

    async def ask(self, operation: str, request: Any, *, client: v1.MetaStudioClient | None = None) -> Any:
        """One call of the vendor's client, which knows no event loop."""
        return await asyncio.to_thread(getattr(client or self.client, operation), request)

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: list[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        key: Key = KEY,
        at: float | None = None,
    ) -> httpx.Response:
        """One call by hand, signed by the vendor's signer."""
        content = (
            body
            if body is not None
            else b""
            if json is None
            else httpx.Request("POST", "http://x", json=json).content
        )
        ready = signed(
            method,
            path,
            host=self.host,
            key=key,
            query=query,
            headers={"Content-Type": "application/json", **(headers or {})},
            body=content,
            at=at or self._clock(),
        )
        return await self.http.request(method, ready.uri, headers=ready.header_params, content=content)

    async def put(self, url: str, data: bytes, media_type: str = PLAIN, **headers: str) -> httpx.Response:
        """Upload to a URL, with nothing but what belongs there."""
        return await self._bare.put(url, content=data, headers={"Content-Type": media_type, **headers})

    async def get(self, url: str, **headers: str) -> httpx.Response:
        """Fetch a link."""
        return await self._bare.get(url, headers=headers)

    async def aclose(self) -> None:
        await self.http.aclose()
        await self._bare.aclose()


@dataclass
class Lot:
    """The film lot: everybody who is there."""

    vendor: MetastudioStandIn
    control: MetastudioControl
    customer: Customer
    state_dir: Path
    clock: WorldClock | None

    async def create(self, **wishes: Any) -> Any:
        """Order an avatar and answer the vendor's response."""
        wished = {"name": "slack-avatar-U123", "is_background_replacement": False} | wishes
        request = v1.Create2dModelTrainingJobRequest(body=v1.Create2dModelTrainingJobReq(**wished))
        return await self.customer.ask("create2d_model_training_job", request)

    async def upload(
        self, urls: Any, *, video: bytes | None = None, papers: bool = True, parts: int = 1
    ) -> None:
        """Upload the film and the papers to the URLs of a creation or an update."""
        whole = film() if video is None else video
        size = -(-len(whole) // parts)
        for index, url in enumerate(urls.training_video_upload_url):
            await self.accepted(url, whole[index * size : (index + 1) * size])
        if papers:
            await self.accepted(urls.id_card_image1_upload_url, photo())
            await self.accepted(urls.id_card_image2_upload_url, photo("PNG"))
            await self.accepted(urls.grant_file_upload_url, b"%PDF-1.4 I agree.")

    async def accepted(self, url: str, data: bytes) -> None:
        answer = await self.customer.put(url, data)
        assert (answer.status_code, answer.content) == (200, b""), answer.text

    async def command(self, job_id: str, command: str, **more: Any) -> Any:
        body = v1.Execute2dModelTrainingCommandByUserReq(command=command, **more)
        request = v1.Execute2dModelTrainingCommandByUserRequest(job_id=job_id, body=body)
        return await self.customer.ask("execute2d_model_training_command_by_user", request)

    async def submit(self, job_id: str) -> None:
        """Confirm the film and submit the job, which must succeed."""
        for command in ("CONFIRM_MULTIPART_UPLOADED", "SUBMITVERIFYING"):
            assert (await self.command(job_id, command)).commond_result == "EXCUTE_SUCCESS"

    async def submitted(self, *, video: bytes | None = None, papers: bool = True, **wishes: Any) -> str:
        """Order an avatar, bring everything, submit, and answer the job's id."""
        made = await self.create(**wishes)
        await self.upload(made, video=video, papers=papers)
        await self.submit(made.job_id)
        return str(made.job_id)

    async def refused(self, *, manual: bool = False, **wishes: Any) -> str:
        """The id of a job whose review said no."""
        stage, state = (
            ("manual", State.MANUAL_VERIFY_FAILED) if manual else ("auto", State.AUTO_VERIFY_FAILED)
        )
        await self.control.fault("review_refused", stage=stage, reason="The hands are not seen.")
        job_id = await self.submitted(**wishes)
        await self.control.wait_for_job("training", job_id, state)
        return job_id

    async def show(self, job_id: str) -> Any:
        return await self.customer.ask(
            "show2d_model_training_job", v1.Show2dModelTrainingJobRequest(job_id=job_id)
        )

    async def update(self, job_id: str, **wishes: Any) -> Any:
        body = v1.Update2dModelTrainingJobReq(**({"command_message": "UPDATE_VIDEO"} | wishes))
        request = v1.Update2dModelTrainingJobRequest(job_id=job_id, body=body)
        return await self.customer.ask("update2d_model_training_job", request)

    async def delete(self, job_id: str) -> Any:
        return await self.customer.ask(
            "delete2d_model_training_job", v1.Delete2dModelTrainingJobRequest(job_id=job_id)
        )

    async def list(self, **query: Any) -> Any:
        return await self.customer.ask("list2d_model_training_job", v1.List2dModelTrainingJobRequest(**query))

    async def avatar(self, **wishes: Any) -> str:
        """Train an avatar and answer its asset's id."""
        job_id = await self.submitted(**wishes)
        await self.control.wait_for_job("training", job_id)
        return str((await self.show(job_id)).asset_id)

    async def untrained_avatar(self, **wishes: Any) -> str:
        """An avatar that learnt nothing, which is quicker; answers its asset's id."""
        await self.control.settings(makes_cover=False)
        made = await self.create(**wishes)
        await self.control.put_into(made.job_id, State.JOB_SUCCESS)
        await self.control.wait_for_job("training", made.job_id, progress=1.0)
        return str((await self.show(made.job_id)).asset_id)

    async def clip(self, asset_id: str, name: str = "slack-preview-1", **changes: Any) -> str:
        """Order a clip and answer the job's id."""
        wishes: dict[str, Any] = {
            "model_asset_id": asset_id,
            "voice_config": v1.VoiceConfig(voice_asset_id=VOICE, speed=100, pitch=100, volume=140),
            "video_config": v1.VideoConfig(codec="H264", bitrate=5000, width=720, height=1280),
            "shoot_scripts": scripts(),
            "output_asset_config": v1.OutputAssetConfig(asset_name=name),
        }
        body = v1.Create2DDigitalHumanVideoReq(**(wishes | changes))
        request = v1.Create2DDigitalHumanVideoRequest(body=body)
        return str((await self.customer.ask("create2_d_digital_human_video", request)).job_id)

    async def show_clip(self, job_id: str, **query: Any) -> Any:
        return await self.customer.ask(
            "show2_d_digital_human_video", v1.Show2DDigitalHumanVideoRequest(job_id=job_id, **query)
        )

    async def show_asset(self, asset_id: str) -> Any:
        return await self.customer.ask("show_asset", v1.ShowAssetRequest(asset_id=asset_id))

    async def turn(self, seconds: float) -> None:
        """Let the stand-in's time pass, and not the machine's, by which calls are signed."""
        assert self.clock is not None
        self.clock.leap(seconds)


def scripts(text: str = TEXT) -> list[v1.ShootScriptItem]:
    words = v1.ShootScript(script_type="TEXT", text_config=v1.TextConfig(text=text))
    return [v1.ShootScriptItem(sequence_no=0, shoot_script=words)]


def script(text: Any = "Hello.", number: Any = 0, kind: str = "TEXT") -> dict[str, Any]:
    return {"sequence_no": number, "shoot_script": {"script_type": kind, "text_config": {"text": text}}}


def film_order(**changes: Any) -> dict[str, Any]:
    order: dict[str, Any] = {
        "human_image": encoded(photo()),
        "shoot_scripts": [script()],
        "output_asset_config": {"asset_name": "film"},
    }
    return {name: value for name, value in (order | changes).items() if value is not None}


def password_wish() -> dict[str, Any]:
    user = {"domain": {"name": "sandbox-account"}, "name": "sandbox-user", "password": "sandbox-password"}
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": {"name": "cn-north-4"}}}}


@asynccontextmanager
async def open_lot(
    state_dir: Path,
    clock: WorldClock | None = None,
    *,
    port: int = 0,
    wall: Callable[[], float] = time.time,
    **options: Any,
) -> AsyncIterator[Lot]:
    """`wall` is the machine's time for both sides, where a test must turn that as well."""
    async with MetastudioStandIn.start(
        state_dir,
        port=port,
        access_key_id=KEY.ak,
        access_key_secret=KEY.sk,
        temporary_keys=[STS],
        clock=clock or wall,
        **options,
    ) as vendor:
        customer = Customer(vendor.origin, wall)
        async with MetastudioControl(vendor.origin) as control:
            try:
                yield Lot(vendor, control, customer, state_dir, clock)
            finally:
                await customer.aclose()
