"""What MetaStudio sends, with its own spelling; unknown fields are ignored."""

from __future__ import annotations

from pydantic import Field, JsonValue, TypeAdapter

from bot.providers._wire import Id, MaybeText, Sent, Texts


class Log(Sent):
    """One entry of a training's history."""

    moment: MaybeText = Field(None, alias="operate_time")
    kind: MaybeText = Field(None, alias="log_type")
    words: MaybeText = Field(None, alias="log_description")
    code: MaybeText = Field(None, alias="error_code")


class Training(Sent):
    """A training, of the list or asked for alone. Its links to identity cards are not read."""

    id: Id = Field(alias="job_id")
    name: MaybeText = None
    batch: MaybeText = Field(None, alias="batch_name")
    state: MaybeText = None
    asset_id: MaybeText = None
    cover: MaybeText = Field(None, alias="cover_download_url")
    created: MaybeText = Field(None, alias="create_time")
    logs: list[Log] = Field([], alias="operation_logs")

    @property
    def word(self) -> str:
        """Its state, as the vendor's tables spell it."""
        return (self.state or "").upper()

    def newest(self) -> Log | None:
        """The newest entry of its history; of several in one second the one that says most of a failure."""

        def weight(log: Log) -> tuple[str, bool, bool, bool]:
            return log.moment or "", bool(log.code), "FAILED" in (log.kind or ""), bool(log.words)

        return max(self.logs, key=weight, default=None)


class Uploads(Sent):
    """A training just made or updated: where its files go."""

    id: MaybeText = Field(None, alias="job_id")
    video: Texts = Field((), alias="training_video_upload_url")
    id_front: MaybeText = Field(None, alias="id_card_image1_upload_url")
    id_back: MaybeText = Field(None, alias="id_card_image2_upload_url")
    letter: MaybeText = Field(None, alias="grant_file_upload_url")
    gestures: Texts = Field((), alias="action_video_upload_url")
    voice: MaybeText = Field(None, alias="audio_upload_url")


class Trainings(Sent):
    """A page of trainings."""

    jobs: list[Training] = Field([])


class Part(Sent):
    """A part of a film that the vendor's store has."""

    number: MaybeText = Field(None, alias="part_number")
    etag: MaybeText = None


class Commanded(Sent):
    """What became of a command, which may have failed within a 200."""

    parts: list[Part] = Field([], alias="multipart_data")

    result: MaybeText = Field(None, alias="commond_result")
    words: MaybeText = Field(None, alias="excute_failed_msg")
    error: dict[str, JsonValue] = Field({}, alias="error_info")


class Made(Sent):
    """The asset that a clip becomes."""

    asset_id: MaybeText = None
    name: MaybeText = Field(None, alias="asset_name")
    cover: MaybeText = Field(None, alias="cover_url")


class Short(Sent):
    """A clip, a photo's model, or a look at a photo."""

    id: MaybeText = Field(None, alias="job_id")
    name: MaybeText = None
    state: MaybeText = None
    error: dict[str, JsonValue] | None = Field(None, alias="error_info")
    model_id: MaybeText = Field(None, alias="model_asset_id")
    picture: MaybeText = Field(None, alias="model_cover_url")
    made: Made | None = Field(None, alias="output_asset_config")


class Pictures(Sent):
    """A page of photos' models."""

    jobs: list[Short] = Field([], alias="picture_modeling_jobs")


class Clips(Sent):
    """A page of clips: in `jobs`, as the vendor's own client has it; its pages show no sample."""

    jobs: list[Short] | None = None
    others: list[Short] | None = Field(None, alias="videos")

    def rows(self) -> list[Short]:
        """The clips."""
        return self.jobs or self.others or []


class File(Sent):
    """A file of an asset."""

    category: MaybeText = Field(None, alias="asset_file_category")
    link: MaybeText = Field(None, alias="download_url")


class Asset(Sent):
    """A thing in the library."""

    id: MaybeText = Field(None, alias="asset_id")
    files: list[File] = Field([])

    def main(self) -> str | None:
        """The link to what it is, beside its cover and samples."""
        return next((file.link for file in self.files if file.category == "MAIN"), None)


class Assets(Sent):
    """A page of assets."""

    assets: list[Asset] = Field([])


class Token(Sent):
    """A token of IAM: in a header, and its end in the body."""

    class Inner(Sent):
        """Its payload."""

        expires: MaybeText = Field(None, alias="expires_at")

    value: Id = Field(alias="x-subject-token")
    token: Inner = Inner()


BODY: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
TRAINING, TRAININGS, UPLOADS = TypeAdapter(Training), TypeAdapter(Trainings), TypeAdapter(Uploads)
COMMANDED, SHORT, CLIPS, PICTURES = (
    TypeAdapter(Commanded),
    TypeAdapter(Short),
    TypeAdapter(Clips),
    TypeAdapter(Pictures),
)
ASSET, ASSETS, TOKEN = TypeAdapter(Asset), TypeAdapter(Assets), TypeAdapter(Token)
