"""MetaStudio: days of review, 53 states, links that work once, and three products under one name."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from bot.providers import (
    PAPERS,
    Artifact,
    AuthenticationFailed,
    ContentRejected,
    GenerationSpec,
    InvalidInput,
    Kind,
    NotFound,
    OneshotSpec,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RemoteRef,
    RemoteState,
    Role,
    TrainingSpec,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers.metastudio import Metastudio
from bot.providers.metastudio.settings import AvatarOptions, MetastudioSettings
from bot.providers.metastudio.words import DELETABLE, SHORT_STATES, TRAINING_STATES
from bot.services.errors import BadWish
from bot.services.options import checked
from tests.providers.metastudio.bench import API, FILM, JOBS, STORE, Inputs, Vendor, body, png
from tests.providers.test_metastudio_signing import AK, PROJECT, SK

NUMBER = "efc5300ecdba4ea48d1ff13a9d907bc0"
ASSET = "942e65a5fd219a2e01fb08d881cfadb9"
TRAINING = RemoteRef(kind="training", id=NUMBER)
CLIP = RemoteRef(kind="generation", id="26f06524-4f75-4b3a-a853-b649a21aaf66", model_id=ASSET)
EVERYTHING = (Role.VIDEO, Role.ID_FRONT, Role.ID_BACK, Role.LETTER)


def metastudio(wire: Any, **facts: Any) -> Metastudio:
    known: dict[str, Any] = {"project_id": PROJECT, "requests_per_second": 1000, "voice_id": "v-1"}
    if "iam_user" not in facts:
        known |= {"access_key_id": AK, "access_key_secret": SK}
    settings = MetastudioSettings(**(known | facts))
    return Metastudio(settings, Metastudio.client(settings, transport=httpx.MockTransport(wire)))


def saying(name: str, **fields: Any) -> Any:
    return lambda request: httpx.Response(200, json=body(name) | fields)


def refusing(status: int, code: str, words: str = "no", **more: Any) -> Any:
    return lambda request: httpx.Response(status, json={"error_code": code, "error_msg": words, **more})


def sent(vendor: Vendor, path: str, method: str = "POST") -> list[Any]:
    found = [one for one in vendor.requests if one.method == method and one.url.path == API + path]
    return [json.loads(one.content) for one in found]


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return Inputs()


@pytest.fixture
def spec(inputs: Inputs) -> TrainingSpec:
    return TrainingSpec(inputs=inputs(*EVERYTHING), subject="woman")


# -- an avatar: the way in


async def test_a_video_goes_in_with_its_papers_and_is_confirmed_before_it_is_submitted(
    spec: TrainingSpec,
) -> None:
    vendor = Vendor()
    begun = await metastudio(vendor).submit(spec, key="job_1")
    assert (begun.ref, begun.state) == (RemoteRef(kind="training", id="job0"), RemoteState.QUEUED)
    assert [named for _, named in vendor.commands] == ["CONFIRM_MULTIPART_UPLOADED", "SUBMITVERIFYING"]
    assert sorted(vendor.uploads.values()) == sorted(one.path.read_bytes() for one in spec.inputs)
    places = [str(one.url.path) for one in vendor.requests if one.method == "PUT"]
    assert [place.partition("_")[2] for place in places] == [
        "video",
        "idCardImage1_tmp",
        "idCardImage2_tmp",
        "grantFile_tmp",
    ]
    last_upload = max(n for n, one in enumerate(vendor.requests) if one.method == "PUT")
    assert last_upload < min(n for n, one in enumerate(vendor.requests) if one.url.path.endswith("command"))


async def test_every_field_of_the_vendor_s_request_is_sent(spec: TrainingSpec) -> None:
    vendor = Vendor()
    options = {"contact": "13800000000", "tags": ["slack"], "is_flexus": True, "is_only_human_model": False}
    await metastudio(vendor).submit(spec.model_copy(update={"options": options}), key="job_1")
    assert sent(vendor, JOBS) == [
        {
            "name": "job_1",
            "batch_name": "job_1",
            "command_message": "UPLOAD_VIDEO",
            "contact": "13800000000",
            "video_multipart_count": 1,
            "is_background_replacement": False,
            "model_version": "V3.2",
            "is_ondemand_resource": False,
            "is_flexus": True,
            "is_fast_flexus": False,
            "is_live_copy": False,
            "is_only_human_model": False,
            "audio_source_type": "VIDEO",
            "supported_service": ["VIDEO_2D"],
            "tags": ["slack"],
            "voice_properties": {"job_tag": "MARKETING", "sex": "FEMALE", "language": "CN"},
        }
    ]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"is_flexus": True, "is_background_replacement": True}, "does not replace"),
        ({"is_flexus": True, "supported_service": ["VIDEO_2D", "LIVE_2D"]}, "clips only"),
        ({"is_only_human_model": True}, "without a voice"),
        ({"is_fast_flexus": True, "model_version": "V3.3"}, "choose that, too"),
        ({"supported_service": "VIDEO_2D, FILM"}, "LIVE_2D"),
        ({"model_version": "V3.3"}, "only together"),
        ({"is_fast_flexus": True}, "only together"),
        ({"model_version": "V2"}, "V3.2"),
        ({"supported_service": []}, "at least 1"),
        ({"height": 180}, "not permitted"),
    ],
    ids=str,
)
def test_options_that_the_vendor_would_refuse_are_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        AvatarOptions.model_validate(options)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"is_background_replacement": True}, "does not replace"),
        ({"supported_service": "VIDEO_2D,LIVE_2D"}, "clips only"),
    ],
    ids=str,
)
async def test_where_the_operator_has_set_the_basic_edition_its_rules_hold_for_who_leaves_it_open(
    options: dict[str, Any], why: str, spec: TrainingSpec
) -> None:
    vendor = Vendor()
    provider = metastudio(vendor, flexus=True)
    able = provider.capabilities.training
    assert able is not None
    with pytest.raises(BadWish) as caught:
        checked(able.options, options, prefix="option")
    assert why in caught.value.words
    with pytest.raises(InvalidInput):
        await provider.submit(spec.model_copy(update={"options": options}), key="job_1")
    assert not vendor.requests
    other = options | {"is_flexus": "false"}
    assert checked(able.options, other, prefix="option")["is_flexus"] is False


async def test_tags_and_uses_are_chosen_as_a_line_of_text(spec: TrainingSpec) -> None:
    vendor = Vendor()
    provider = metastudio(vendor)
    able = provider.capabilities.training
    assert able is not None
    typed = {"tags": "spring, 新品、 Ana's stall,spring,", "supported_service": "video_2d，LIVE_2D"}
    options = checked(able.options, typed, prefix="option")
    await provider.submit(spec.model_copy(update={"options": options}), key="job_1")
    (asked,) = sent(vendor, JOBS)
    assert asked["tags"] == ["spring", "新品", "Ana's stall"]
    assert asked["supported_service"] == ["VIDEO_2D", "LIVE_2D"]


async def test_a_film_of_gestures_goes_in_parts_and_recordings_in_place_of_the_video_s_sound(
    inputs: Inputs,
) -> None:
    vendor = Vendor()
    given = inputs(*EVERYTHING, Role.ACTION_VIDEO, Role.VOICE)
    await metastudio(vendor, part_bytes=30).submit(TrainingSpec(inputs=given, subject="woman"), key="job_1")
    (asked,) = sent(vendor, JOBS)
    data = next(one.path for one in given if one.role is Role.ACTION_VIDEO).read_bytes()
    parts = [data[at : at + 30] for at in range(0, len(data), 30)]
    assert (asked["action_video_multipart_count"], asked["audio_source_type"]) == (len(parts), "AUDIO")
    assert len(parts) > 1
    brought = list(vendor.uploads.items())
    assert [part for link, part in brought if "_action?" in link] == parts
    (voice,) = [part for link, part in brought if "_audio?" in link]
    assert voice == given[-1].path.read_bytes()
    assert [named for _, named in vendor.commands] == [
        "CONFIRM_MULTIPART_UPLOADED",
        "CONFIRM_ACTION_VIDEO_MULTIPART_UPLOADED",
        "SUBMITVERIFYING",
    ]


async def test_a_film_never_has_more_parts_than_the_vendor_takes(inputs: Inputs) -> None:
    vendor = Vendor()
    given = inputs(*EVERYTHING, Role.ACTION_VIDEO, size=2500)
    await metastudio(vendor, part_bytes=1).submit(TrainingSpec(inputs=given, subject="woman"), key="job_1")
    (asked,) = sent(vendor, JOBS)
    assert 500 < asked["action_video_multipart_count"] <= 1000
    assert 500 < asked["video_multipart_count"] <= 1000
    film = b"".join(part for link, part in vendor.uploads.items() if "_action?" in link)
    assert film == next(one.path for one in given if one.role is Role.ACTION_VIDEO).read_bytes()


@pytest.mark.parametrize("chosen", [{}, {"is_only_human_model": False}])
async def test_recordings_mean_that_the_basic_edition_trains_a_voice(
    inputs: Inputs, chosen: dict[str, Any]
) -> None:
    vendor = Vendor()
    spec = TrainingSpec(inputs=inputs(*EVERYTHING, Role.VOICE), subject="woman", options=chosen)
    await metastudio(vendor, flexus=True).submit(spec, key="job_1")
    (asked,) = sent(vendor, JOBS)
    assert (asked["is_only_human_model"], asked["audio_source_type"]) == (False, "AUDIO")
    assert "voice_properties" in asked


async def test_recordings_and_no_voice_are_refused_before_anything_is_made(inputs: Inputs) -> None:
    vendor = Vendor()
    options = {"is_only_human_model": True}
    spec = TrainingSpec(inputs=inputs(*EVERYTHING, Role.VOICE), subject="woman", options=options)
    with pytest.raises(InvalidInput):
        await metastudio(vendor, flexus=True).submit(spec, key="job_1")
    assert vendor.jobs == {}


def test_a_film_of_gestures_and_recordings_are_taken_only_where_the_settings_say_so() -> None:
    extras = {Role.ACTION_VIDEO, Role.VOICE}
    for on in (False, True):
        training = metastudio(Vendor(), extras=on).capabilities.training
        assert training is not None
        taken = {spec.role for spec in training.inputs if spec.min == 0}
        assert taken == (extras if on else set())


async def test_a_large_video_goes_in_parts_in_their_order(inputs: Inputs) -> None:
    vendor = Vendor()
    (video,) = inputs(Role.VIDEO, size=25)
    await metastudio(vendor, part_bytes=30, papers=False).submit(
        TrainingSpec(inputs=(video,), subject="woman"), key="job_1"
    )
    data = video.path.read_bytes()
    parts = {link.rpartition("=")[2]: part for link, part in vendor.uploads.items()}
    assert parts == {str(n + 1): data[n * 30 : n * 30 + 30] for n in range(len(parts))}
    assert len(parts) == 4


@pytest.mark.parametrize("same", [True, False], ids=["this part", "a part of an earlier film"])
async def test_a_part_whose_answer_was_lost_is_asked_for_and_not_brought_again(
    same: bool, inputs: Inputs
) -> None:
    vendor, torn = Vendor(), [False, True, False]

    def wire(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/command") and b"GET_MULTIPART_UPLOADED" in request.content:
            held = enumerate(vendor.uploads.values(), 1)
            tags = [(n, hashlib.md5(part if same else b"another").hexdigest()) for n, part in held]
            parts = [{"part_number": str(n), "etag": f'"{tag.upper()}"'} for n, tag in tags]
            return httpx.Response(200, json=body("command_done") | {"multipart_data": parts})
        answer = vendor(request)
        if request.method == "PUT" and str(request.url).startswith(STORE) and torn.pop(0):
            raise httpx.ReadError("its answer is lost")
        return answer

    (video,) = inputs(Role.VIDEO, size=15)
    spec = TrainingSpec(inputs=(video,), subject="woman")
    provider = metastudio(wire, part_bytes=30, papers=False)
    if same:
        await provider.submit(spec, key="job_1")
        assert b"".join(vendor.uploads.values()) == video.path.read_bytes()
        assert vendor.jobs["job0"]["state"] == "AUTO_VERIFYING"
    else:
        with pytest.raises(Unavailable):
            await provider.submit(spec, key="job_1")
        assert vendor.jobs["job0"]["state"] == "WAIT_FILE_UPLOAD"


async def test_what_broke_off_is_gone_on_with_under_the_same_key(spec: TrainingSpec) -> None:
    vendor = Vendor()
    provider = metastudio(vendor)
    torn = [True]

    def wire(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT" and str(request.url).startswith(STORE) and torn.pop():
            raise httpx.WriteError("broken")
        return vendor(request)

    with pytest.raises(Unavailable):
        await metastudio(wire).submit(spec, key="job_1")
    found = await provider.find(spec, key="job_1", known=frozenset())
    assert found is not None
    assert found.unfinished
    begun = await provider.submit(spec, key="job_1")
    assert begun.ref.id == "job0"
    assert len(vendor.jobs) == 1
    assert sent(vendor, f"{JOBS}/job0", "PUT")[0]["command_message"] == "UPLOAD_VIDEO"
    assert vendor.jobs["job0"]["state"] == "AUTO_VERIFYING"


async def test_what_is_in_review_already_is_not_sent_again(spec: TrainingSpec) -> None:
    vendor = Vendor()
    for _ in range(2):
        begun = await metastudio(vendor).submit(spec, key="job_1")
    assert begun.ref.id == "job0"
    assert len(vendor.commands) == 2
    found = await metastudio(vendor).find(spec, key="job_1", known=frozenset())
    assert found is not None
    assert not found.unfinished


async def test_a_film_that_cannot_be_replaced_is_told_and_no_second_training_is_paid(
    spec: TrainingSpec,
) -> None:
    vendor = Vendor()
    begun = await metastudio(vendor).submit(spec, key="job_1")
    vendor.jobs[begun.ref.id]["state"] = "VIDEO_ANALYZE_FAILED"

    def wire(request: httpx.Request) -> httpx.Response:
        return refusing(400, "MSS.00000003")(request) if request.method == "PUT" else vendor(request)  # type: ignore[no-any-return]

    with pytest.raises(InvalidInput, match="start anew"):
        await metastudio(wire).submit(spec, key="job_1")
    assert list(vendor.jobs) == [begun.ref.id]


@pytest.mark.parametrize("word", ["AUTO_VERIFY_FAILED", "MANUAL_VERIFY_FAILED", "VIDEO_ANALYZE_FAILED"])
async def test_after_a_refused_review_the_same_training_gets_a_new_video(
    word: str, spec: TrainingSpec
) -> None:
    vendor = Vendor()
    await metastudio(vendor).submit(spec, key="job_1")
    vendor.jobs["job0"]["state"] = word
    found = await metastudio(vendor).find(spec, key="job_1", known=frozenset())
    assert found is not None
    assert found.unfinished
    begun = await metastudio(vendor).submit(spec, key="job_1")
    assert begun.ref.id == "job0"
    (update,) = sent(vendor, f"{JOBS}/job0", "PUT")
    assert update["command_message"] == "UPDATE_VIDEO"
    assert not {
        "model_version",
        "is_flexus",
        "is_live_copy",
        "is_only_human_model",
        "is_ondemand_resource",
    } & set(update)
    assert len(vendor.uploads) == 8


async def test_better_files_for_a_training_that_is_gone_make_no_second_one(spec: TrainingSpec) -> None:
    vendor = Vendor()
    begun = await metastudio(vendor).submit(spec, key="job_1")
    vendor.jobs.clear()
    asked_for = spec.model_copy(update={"remote_id": begun.ref.id})
    with pytest.raises(NotFound):
        await metastudio(vendor).submit(asked_for, key="job_1")
    assert vendor.jobs == {}
    assert await metastudio(vendor).find(asked_for, key="job_1", known=frozenset()) is None


async def test_better_files_reach_a_training_that_no_list_names(spec: TrainingSpec) -> None:
    vendor = Vendor()
    begun = await metastudio(vendor).submit(spec, key="job_1")
    vendor.jobs["job0"] |= {"state": "MANUAL_VERIFY_FAILED", "batch_name": "lost", "name": "lost"}
    asked_for = spec.model_copy(update={"remote_id": begun.ref.id})
    found = await metastudio(vendor).find(asked_for, key="job_1", known=frozenset())
    assert found is not None
    assert found.unfinished
    again = await metastudio(vendor).submit(asked_for, key="job_1")
    assert (again.ref.id, list(vendor.jobs)) == ("job0", ["job0"])


async def test_where_no_new_links_are_given_before_the_review_it_is_made_anew(spec: TrainingSpec) -> None:
    vendor = Vendor()

    def wire(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT" and request.url.path.startswith(API):
            return httpx.Response(400, json=body("error"))
        return vendor(request)

    vendor.create(
        httpx.Request(
            "POST", "https://x/", json={"name": "job_1", "batch_name": "job_1", "video_multipart_count": 1}
        )
    )
    begun = await metastudio(wire).submit(spec, key="job_1")
    assert list(vendor.jobs) == [begun.ref.id]


async def test_a_command_that_failed_within_a_200_is_a_no(spec: TrainingSpec) -> None:
    vendor = Vendor()

    def wire(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("command"):
            return httpx.Response(200, json=body("command_failed"))
        return vendor(request)

    with pytest.raises(InvalidInput, match="file missing") as caught:
        await metastudio(wire).submit(spec, key="job_1")
    assert caught.value.code == "MSS.00000003"


async def test_another_number_of_links_than_parts_makes_no_sense(spec: TrainingSpec) -> None:
    vendor = Vendor()

    def wire(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path == API + JOBS:
            return httpx.Response(200, json=body("create_job"))
        return vendor(request)

    with pytest.raises(UnexpectedResponse, match="number of links"):
        await metastudio(wire).submit(spec, key="job_1")
    assert vendor.uploads == {}


@pytest.mark.parametrize("roles", [(), (Role.VIDEO, Role.VIDEO)], ids=["none", "two"])
async def test_exactly_one_video_is_taken(roles: tuple[Role, ...], inputs: Inputs) -> None:
    with pytest.raises(InvalidInput, match="exactly one video"):
        await metastudio(Vendor()).submit(TrainingSpec(inputs=inputs(*roles), subject="man"), key="job_1")


# -- an avatar: the wait


def test_all_states_of_the_vendor_s_own_client_are_known() -> None:
    assert len(TRAINING_STATES) == 53
    assert [word for word, state in TRAINING_STATES.items() if state is RemoteState.SUCCEEDED] == [
        "JOB_SUCCESS",
        "JOB_FINISH",
    ]


@pytest.mark.parametrize(("word", "state"), TRAINING_STATES.items())
async def test_every_state_of_a_training(word: str, state: RemoteState) -> None:
    told = await metastudio(saying("job_reviewing", state=word, asset_id=ASSET)).poll(TRAINING)
    assert (told.state, told.details["status"]) == (state, word)
    # Staff may mend what failed, so that it is believed only after a long grace; but where the vendor lets
    # it be deleted it lies at rest, and nobody waits for days to hear of it.
    assert told.tentative == (state is RemoteState.FAILED and word not in DELETABLE)
    assert (told.model_id is not None) == (state is RemoteState.SUCCEEDED)


async def test_fields_that_are_null_are_fields_that_are_missing(spec: TrainingSpec) -> None:
    vendor = Vendor()

    def wire(request: httpx.Request) -> httpx.Response:
        answer = vendor(request)
        if request.url.path.endswith("/command"):
            empty = dict.fromkeys(
                ("excute_failed_msg", "error_info", "attachment_upload_url", "multipart_data")
            )
            return httpx.Response(200, json=answer.json() | empty)
        return answer

    assert (await metastudio(wire).submit(spec, key="job_1")).state is RemoteState.QUEUED
    told = await metastudio(saying("job_reviewing", operation_logs=None, comment_logs=None)).poll(TRAINING)
    assert told.state is RemoteState.QUEUED
    assert await metastudio(saying("list_jobs", jobs=None)).find(spec, key="k", known=frozenset()) is None


async def test_a_state_nobody_knows_goes_on() -> None:
    assert (
        await metastudio(saying("job_reviewing", state="DREAMING")).poll(TRAINING)
    ).state is RemoteState.RUNNING


@pytest.mark.parametrize(
    ("word", "over"),
    [
        ("WAIT_FILE_UPLOAD", False),
        ("AUTO_VERIFYING", False),
        ("MANUAL_VERIFYING", False),
        ("VIDEO_ANALYZE_SUCCESS", False),
        ("JOB_PENDING", False),
        ("MANUAL_VERIFY_FAILED", False),
        ("MANUAL_VERIFY_SUCCESS", True),
        ("TRAINING", True),
        ("TRAIN_FAILED", True),
        ("JOB_SUCCESS", True),
        ("DREAMING", False),
    ],
)
async def test_papers_and_recordings_are_released_when_the_review_is_over_and_not_before(
    word: str, over: bool
) -> None:
    told = await metastudio(saying("job_reviewing", state=word)).poll(TRAINING)
    assert told.released == ({*PAPERS, Role.VOICE} if over else set())


async def test_a_refused_review_says_what_and_which_input() -> None:
    told = await metastudio(saying("job_refused")).poll(TRAINING)
    assert told.state is RemoteState.NEEDS_USER
    assert told.reason == "The video is not exactly 1920×1080, 1080×1920, 3840×2160 or 2160×3840."
    assert told.wants == {Role.VIDEO}


async def test_a_reviewer_s_own_words_are_told_newest_last() -> None:
    logs = [
        {
            "operate_time": "2024-01-03T00:00:00Z",
            "log_type": "ADMIN_VERIFY_FAILED",
            "log_description": "the letter is not signed",
        },
        {"operate_time": "2024-01-02T00:00:00Z", "log_type": "USER_UPLOAD", "log_description": "uploaded"},
    ]
    told = await metastudio(saying("job_refused", operation_logs=logs)).poll(TRAINING)
    assert (told.reason, told.wants) == ("the letter is not signed", frozenset())
    lines = await metastudio(saying("job_refused", operation_logs=logs)).logs(TRAINING)
    assert [line.split()[1] for line in lines] == ["USER_UPLOAD", "ADMIN_VERIFY_FAILED"]


@pytest.mark.parametrize("turned", [False, True])
async def test_of_a_history_s_entries_in_one_second_the_one_with_a_reason_is_told(turned: bool) -> None:
    second = "2024-01-02T03:25:00Z"
    logs = [
        {"operate_time": "2024-01-01T03:25:00Z", "log_description": "an earlier no"},
        {"operate_time": second, "log_type": "SYSTEM_VERIFYING"},
        {"operate_time": second, "log_description": "too dark"},
        {"operate_time": second, "log_type": "USER_SUBMIT_VERIFY"},
    ]
    told = saying("job_refused", operation_logs=logs[::-1] if turned else logs)
    assert (await metastudio(told).poll(TRAINING)).reason == "too dark"


async def test_a_finished_avatar_names_its_model_and_brings_its_cover() -> None:
    told = await metastudio(saying("job_succeeded")).poll(TRAINING)
    assert (told.model_id, told.ref.model_id) == (ASSET, ASSET)
    assert [json.loads(one.locator) for one in told.artifacts] == [[NUMBER, "cover"]]
    assert "http" not in told.artifacts[0].locator


async def test_links_to_identity_cards_are_not_even_read() -> None:
    link = "https://obs.example/idcard.jpg?Signature=x"
    told = await metastudio(saying("job_reviewing", id_card_image1_download_url=link)).poll(TRAINING)
    assert "idcard" not in told.model_dump_json()


def test_a_wait_of_days_is_polled_slowly() -> None:
    able = metastudio(Vendor()).capabilities.training
    assert able is not None
    assert (able.poll_first, able.poll_most) == (timedelta(minutes=1), timedelta(minutes=10))
    assert (able.deadline, able.grace) == (timedelta(days=10), timedelta(hours=72))
    assert [one.role for one in able.inputs] == list(EVERYTHING)
    assert able.inputs[0].lasts == (timedelta(minutes=3), timedelta(minutes=10))


def test_the_basic_edition_takes_shorter_videos_and_some_accounts_no_papers() -> None:
    able = metastudio(Vendor(), flexus=True, papers=False).capabilities.training
    assert able is not None
    assert [one.role for one in able.inputs] == [Role.VIDEO]
    assert able.inputs[0].lasts == (timedelta(minutes=1), timedelta(minutes=10))


@pytest.mark.parametrize(
    ("flexus", "options", "minutes"),
    [(True, {}, 1), (True, {"is_flexus": "No"}, 3), (False, {}, 3), (False, {"is_flexus": "Yes"}, 1)],
    ids=str,
)
async def test_how_long_a_film_has_to_be_is_decided_by_the_edition_that_was_chosen(
    flexus: bool, options: dict[str, Any], minutes: int
) -> None:
    able = metastudio(Vendor(), flexus=flexus).capabilities.training
    assert able is not None
    video = able.taking(checked(able.options, options, prefix="option"))[0]
    assert video.lasts == (timedelta(minutes=minutes), timedelta(minutes=10))


async def test_an_avatar_keeps_its_edition_whatever_the_operator_sets_while_it_is_reviewed(
    spec: TrainingSpec,
) -> None:
    vendor = Vendor()
    before = metastudio(vendor)
    able = before.capabilities.training
    assert able is not None
    options = checked(able.options, {"is_background_replacement": "Yes"}, prefix="option")
    asked_for = spec.model_copy(update={"options": options})
    await before.submit(asked_for, key="job_1")
    vendor.jobs["job0"]["state"] = "AUTO_VERIFY_FAILED"
    after = metastudio(vendor, flexus=True)
    await after.submit(asked_for, key="job_1")
    (update,) = sent(vendor, f"{JOBS}/job0", "PUT")
    assert update["is_background_replacement"] is True
    still = after.capabilities.training
    assert still is not None
    assert still.taking(options)[0].lasts == (timedelta(minutes=3), timedelta(minutes=10))


# -- clips


def clip(prompt: str = "Hello from Slack.", **facts: Any) -> GenerationSpec:
    return GenerationSpec(**({"model_id": ASSET, "prompt": prompt, "count": 1} | facts))


async def test_a_clip_is_the_vendor_s_sample_request_but_for_its_subtitles() -> None:
    vendor, wanted = Vendor(), body("create_clip.request")
    wanted["video_config"]["is_subtitle_enable"] = False
    provider = metastudio(vendor, voice_id="f5e6a13eab4443fa85421191ad061780")
    await provider.generate(clip(), key="slack-preview-efc5300e-1")
    assert sent(vendor, "/2d-digital-human-videos") == [wanted]


async def test_the_voice_is_the_one_chosen_the_operator_s_or_the_vendor_s_first() -> None:
    vendor = Vendor()
    await metastudio(vendor).generate(clip(options={"voice_id": "mine"}), key="job_1")
    await metastudio(vendor).generate(clip(), key="job_2")
    await metastudio(vendor, voice_id=None).generate(clip(), key="job_3")
    voices = [one["voice_config"]["voice_asset_id"] for one in sent(vendor, "/2d-digital-human-videos")]
    assert voices == ["mine", "v-1", "f5e6a13eab4443fa85421191ad061780"]


async def test_a_name_that_is_taken_means_that_an_earlier_call_got_through() -> None:
    vendor = Vendor()
    await metastudio(vendor).generate(clip(), key="job_1")
    with pytest.raises(OutcomeUnknown):
        await metastudio(vendor).generate(clip(), key="job_1")
    found = await metastudio(vendor).find(clip(), key="job_1", known=frozenset())
    assert found is not None
    assert found.ref == RemoteRef(kind="generation", id="clip0", model_id=ASSET)


async def test_a_lost_clip_is_found_however_many_the_account_has_made() -> None:
    vendor = Vendor()
    provider = metastudio(vendor, voice_id="v")
    for number in range(120):
        vendor.clips[f"old{number}"] = {
            "job_id": f"old{number}",
            "state": "SUCCEED",
            "output_asset_config": {"asset_name": f"slack-{number}"},
        }
    begun = await provider.generate(clip(), key="job_1")
    found = await provider.find(clip(), key="job_1", known=frozenset())
    assert found is not None
    assert found.ref == begun.ref


@pytest.mark.parametrize("prompt", ["", " ", "x" * 2001])
async def test_a_text_that_cannot_be_spoken_never_leaves(prompt: str) -> None:
    vendor = Vendor()
    with pytest.raises(InvalidInput, match="1 to 2000"):
        await metastudio(vendor).generate(clip(prompt), key="job_1")
    assert vendor.requests == []


@pytest.mark.parametrize(("word", "state"), [row for row in SHORT_STATES.items() if row[0] != "BLOCK"])
async def test_every_state_of_a_clip(word: str, state: RemoteState) -> None:
    def wire(request: httpx.Request) -> httpx.Response:
        name = "asset" if "digital-assets" in request.url.path else "clip_succeeded"
        return httpx.Response(200, json=body(name) | ({"state": word} if name == "clip_succeeded" else {}))

    assert (await metastudio(wire).poll(CLIP)).state is state


async def test_moderation_is_the_person_s_to_mend() -> None:
    with pytest.raises(ContentRejected):
        await metastudio(saying("clip_succeeded", state="BLOCK")).poll(CLIP)
    failed = {
        "state": "FAILED",
        "error_info": {"error_code": "MSS.45000005", "error_msg": "unsupported image"},
    }
    with pytest.raises(InvalidInput, match="unsupported image"):
        await metastudio(saying("clip_succeeded", **failed)).poll(CLIP)


async def test_cover_and_clip_are_pulled_by_their_newest_links_without_our_keys() -> None:
    vendor = Vendor()
    provider = metastudio(vendor)
    begun = await provider.generate(clip(), key="job_1")
    vendor.finish()
    told = await provider.poll(begun.ref)
    assert [one.media_type for one in told.artifacts] == ["image/png", "video/mp4"]
    data = [b"".join([piece async for piece in provider.fetch(told.ref, one)]) for one in told.artifacts]
    assert data == [png(), FILM]
    gone = Artifact(locator=json.dumps([begun.ref.id, "poster"]))
    with pytest.raises(NotFound):
        _ = [piece async for piece in provider.fetch(begun.ref, gone)]


@pytest.mark.parametrize(
    ("data", "error"), [(b"", Unavailable), (b"<html>no such film</html>", UnexpectedResponse)]
)
async def test_what_is_no_film_is_not_passed_on(data: bytes, error: type[ProviderError]) -> None:
    vendor = Vendor()

    def wire(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=data) if "v.mp4" in str(request.url) else vendor(request)

    begun = await metastudio(vendor).generate(clip(), key="job_1")
    vendor.finish()
    film = (await metastudio(vendor).poll(begun.ref)).artifacts[1]
    with pytest.raises(error):
        _ = [piece async for piece in metastudio(wire).fetch(begun.ref, film)]


# -- photos


async def test_a_photo_s_model_goes_in_as_a_form_and_comes_out_as_a_picture(inputs: Inputs) -> None:
    vendor = Vendor()
    provider = metastudio(vendor, mode="picture_modeling")
    (photo,) = inputs(Role.PHOTO)
    wanted = TrainingSpec(inputs=(photo,), subject="man", options={"style_id": "system_male_001"})
    begun = await provider.submit(wanted, key="job_1")
    (form,) = [one for one in vendor.requests if one.method == "POST"]
    assert form.headers["x-sdk-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert photo.path.read_bytes() in form.content
    assert b"system_male_001" in form.content
    vendor.finish()
    told = await provider.poll(begun.ref)
    assert (told.model_id, len(told.artifacts)) == ("m-1", 1)
    assert b"".join([piece async for piece in provider.fetch(told.ref, told.artifacts[0])]) == png()
    found = await provider.find(wanted, key="job_1", known=frozenset())
    assert found is not None
    assert found.ref.id == begun.ref.id
    assert await provider.delete(told.ref)
    assert [offered(provider, kind) for kind in KINDS] == [True, False, False]


async def test_a_model_may_be_there_without_its_picture() -> None:
    partial = saying("picture_succeeded", state="PARTIAL_SUCCEED", model_cover_url=None)
    told = await metastudio(partial, mode="picture_modeling").poll(TRAINING)
    assert (told.state, told.model_id, told.artifacts) == (RemoteState.SUCCEEDED, "m-1", ())


async def test_a_talking_photo_is_the_vendor_s_sample_request(inputs: Inputs) -> None:
    vendor, wanted = Vendor(), body("create_talk.request")
    provider = metastudio(vendor, mode="photo_video", voice_id="f5e6a13eab4443fa85421191ad061780")
    (photo,) = inputs(Role.PHOTO)
    spec = OneshotSpec(inputs=(photo,), subject="man", prompt="Hi!", count=1)
    begun = await provider.oneshot(spec, key="slack-photo-1")
    wanted["human_image"] = base64.b64encode(photo.path.read_bytes()).decode()
    assert sent(vendor, "/photo-digital-human-videos") == [wanted]
    vendor.finish()
    assert len((await provider.poll(begun.ref)).artifacts) == 2
    found = await provider.find(spec, key="slack-photo-1", known=frozenset())
    assert found is not None
    assert found.ref == begun.ref
    able = provider.capabilities
    assert [offered(provider, kind) for kind in KINDS] == [False, False, True]
    assert able.oneshot is not None
    assert (able.oneshot.inspects, able.oneshot.prompt_means) == (True, "speech")


async def test_a_photo_speaks_2_000_characters_however_many_an_avatar_may(inputs: Inputs) -> None:
    vendor = Vendor()
    provider = metastudio(vendor, speech_max=10_000, oneshot=True)
    able = provider.capabilities
    assert able.oneshot is not None
    assert able.generation is not None
    assert (able.oneshot.prompt_max, able.generation.prompt_max) == (2000, 10_000)
    spec = OneshotSpec(inputs=inputs(Role.PHOTO), subject="man", prompt="说" * 2001, count=1)
    with pytest.raises(InvalidInput, match="2000"):
        await provider.oneshot(spec, key="k")
    assert not vendor.requests


@pytest.mark.parametrize(("state", "ok"), [("SUCCEED", True), ("FAILED", False)])
async def test_the_vendor_s_look_at_a_photo_is_waited_for(state: str, ok: bool, inputs: Inputs) -> None:
    answers = iter(["create_look", "look_succeeded"])

    def wire(request: httpx.Request) -> httpx.Response:
        told = {"error_info": {"error_msg": "no face"}} if not ok else {}
        return httpx.Response(200, json=body(next(answers)) | {"state": state} | told)

    (found,) = await metastudio(wire, mode="photo_video").inspect(inputs(Role.PHOTO))
    assert (found.ok, found.reason) == (ok, None if ok else "no face")


# -- a job belongs to the product it began with

MODES = ("avatar_video", "picture_modeling", "photo_video")
KINDS: tuple[Kind, ...] = ("training", "generation", "oneshot")
FILM_AND_PAPERS, ONE_PHOTO = frozenset(EVERYTHING), frozenset({Role.PHOTO})


def offered(provider: Metastudio, kind: Kind, gave: frozenset[Role] = frozenset()) -> bool:
    operation = provider.operation(kind, gave)
    assert operation is not None
    return operation.offered


def asked(vendor: Vendor, since: int = 0) -> list[str]:
    return [f"{one.method} {one.url.path.removeprefix(API)}" for one in vendor.requests[since:]]


@pytest.mark.parametrize("mode", MODES)
async def test_an_avatar_that_is_in_training_goes_on_in_every_mode_and_nobody_is_asked_whose_it_is(
    mode: str, spec: TrainingSpec
) -> None:
    vendor = Vendor()
    begun = await metastudio(vendor).submit(spec, key="job_1")
    ref, before = begun.ref.model_copy(update={"gave": FILM_AND_PAPERS}), len(vendor.requests)
    provider = metastudio(vendor, mode=mode)
    assert (await provider.poll(ref)).state is RemoteState.QUEUED
    assert asked(vendor, before) == [f"GET {JOBS}/job0"]
    vendor.jobs["job0"] |= {
        "state": "AUTO_VERIFY_FAILED",
        "operation_logs": [{"log_description": "too dark"}],
    }
    no = await provider.poll(ref)
    assert (no.state, no.reason) == (RemoteState.NEEDS_USER, "too dark")
    assert await provider.logs(ref) == ("too dark",)
    # A better film goes into the same training, and a lost answer to that is found.
    bare = TrainingSpec(inputs=(), subject="woman", gave=FILM_AND_PAPERS)
    found = await provider.find(bare, key="job_1", known=frozenset())
    assert found is not None
    assert (found.ref.id, found.unfinished) == ("job0", True)
    assert (await provider.submit(spec, key="job_1")).ref.id == "job0"
    vendor.finish()
    done = await provider.poll(ref)
    assert (done.state, done.model_id) == (RemoteState.SUCCEEDED, "asset-job0")
    assert done.ref.gave == FILM_AND_PAPERS
    assert b"".join([piece async for piece in provider.fetch(done.ref, done.artifacts[0])]) == png()
    assert [call for call in asked(vendor, before) if "picture-modelings" in call] == []
    before = len(vendor.requests)
    assert await provider.delete(done.ref)
    assert asked(vendor, before) == [
        f"GET {JOBS}/job0",
        "DELETE /digital-assets/asset-job0",
        f"DELETE {JOBS}/job0",
    ]
    assert list(vendor.jobs) == []


@pytest.mark.parametrize("mode", MODES)
async def test_an_avatar_s_training_is_withdrawn_in_every_mode(mode: str, spec: TrainingSpec) -> None:
    vendor = Vendor()
    begun = await metastudio(vendor).submit(spec, key="job_1")
    ref = begun.ref.model_copy(update={"gave": FILM_AND_PAPERS})
    vendor.jobs["job0"]["state"] = "MANUAL_VERIFY_FAILED"
    assert await metastudio(vendor, mode=mode).cancel(ref)
    assert vendor.jobs == {}


@pytest.mark.parametrize("mode", MODES)
async def test_a_photo_s_model_that_is_being_made_goes_on_in_every_mode(mode: str, inputs: Inputs) -> None:
    vendor, wanted = Vendor(), TrainingSpec(inputs=inputs(Role.PHOTO), subject="man")
    begun = await metastudio(vendor, mode="picture_modeling").submit(wanted, key="job_1")
    ref, before = begun.ref.model_copy(update={"gave": ONE_PHOTO}), len(vendor.requests)
    provider = metastudio(vendor, mode=mode)
    assert (await provider.poll(ref)).state is RemoteState.QUEUED
    bare = TrainingSpec(inputs=(), subject="man", gave=ONE_PHOTO)
    found = await provider.find(bare, key="job_1", known=frozenset())
    assert found is not None
    assert found.ref.id == ref.id
    assert await provider.logs(ref) == ()
    assert not await provider.cancel(ref)
    vendor.finish()
    done = await provider.poll(ref)
    assert done.model_id == "m-1"
    assert b"".join([piece async for piece in provider.fetch(done.ref, done.artifacts[0])]) == png()
    assert await provider.delete(done.ref)
    assert [call for call in asked(vendor, before) if JOBS in call] == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_clip_of_an_avatar_goes_on_in_every_mode(mode: str) -> None:
    vendor = Vendor()
    begun = await metastudio(vendor).generate(clip(), key="job_1")
    provider = metastudio(vendor, mode=mode)
    assert (await provider.poll(begun.ref)).state is RemoteState.QUEUED
    found = await provider.find(clip(), key="job_1", known=frozenset())
    assert found is not None
    assert found.ref == begun.ref
    assert await provider.cancel(begun.ref)
    vendor.finish()
    done = await provider.poll(begun.ref)
    films = [one for one in done.artifacts if one.media_type == "video/mp4"]
    assert b"".join([piece async for piece in provider.fetch(done.ref, films[0])]) == FILM
    assert asked(vendor).count("POST /2d-digital-human-videos") == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_training_is_held_to_the_limits_of_its_own_product(mode: str) -> None:
    provider = metastudio(Vendor(), mode=mode)
    avatar, figure = (provider.operation("training", gave) for gave in (FILM_AND_PAPERS, ONE_PHOTO))
    assert avatar is not None
    assert figure is not None
    assert (avatar.deadline, avatar.grace) == (timedelta(days=10), timedelta(days=3))
    assert (avatar.poll_most, figure.poll_most) == (timedelta(minutes=10), timedelta(minutes=1))
    assert (figure.deadline, figure.grace) == (timedelta(hours=2), None)
    assert [spec.role for spec in avatar.inputs] == list(EVERYTHING)
    assert [spec.role for spec in figure.inputs] == [Role.PHOTO]
    assert (avatar.offered, figure.offered) == (mode == "avatar_video", mode == "picture_modeling")
    assert provider.capabilities.training == (figure if mode == "picture_modeling" else avatar)


@pytest.mark.parametrize(
    ("mode", "oneshot", "kinds"),
    [
        ("avatar_video", False, [True, True, False]),
        ("avatar_video", True, [True, True, True]),
        ("picture_modeling", False, [True, False, False]),
        ("picture_modeling", True, [True, False, True]),
        ("photo_video", False, [False, False, True]),
    ],
)
def test_only_what_the_mode_has_is_offered(mode: str, oneshot: bool, kinds: list[bool]) -> None:
    provider = metastudio(Vendor(), mode=mode, oneshot=oneshot)
    assert [offered(provider, kind) for kind in KINDS] == kinds


# -- the end


@pytest.mark.parametrize("word", sorted(TRAINING_STATES))
async def test_a_training_is_withdrawn_only_where_its_state_lets_one(word: str) -> None:
    vendor = Vendor()
    vendor.jobs["job0"] = {"job_id": "job0", "name": "x", "batch_name": "x", "state": word}
    ref = RemoteRef(kind="training", id="job0")
    # What is done is not withdrawn: it is charged, and somebody's.
    withdrawn = word in DELETABLE and word not in {"JOB_SUCCESS", "JOB_FINISH"}
    assert await metastudio(vendor).cancel(ref) is withdrawn
    assert ("job0" in vendor.jobs) is not withdrawn


@pytest.mark.parametrize("state", ["WAIT_USER_CONFIRM", "JOB_REJECT"])
@pytest.mark.parametrize("act", ["cancel", "delete"])
async def test_an_avatar_that_no_poll_has_told_us_of_goes_with_its_training(state: str, act: str) -> None:
    vendor = Vendor()
    vendor.jobs["job0"] = {"job_id": "job0", "name": "x", "state": state, "asset_id": ASSET}
    ref = RemoteRef(kind="training", id="job0")
    assert await getattr(metastudio(vendor), act)(ref)
    erased = [one.url.path.removeprefix(API) for one in vendor.requests if one.method == "DELETE"]
    assert erased == [f"/digital-assets/{ASSET}", f"{JOBS}/job0"]


async def test_a_photo_s_model_that_nobody_waited_for_is_erased(inputs: Inputs) -> None:
    vendor = Vendor()
    provider = metastudio(vendor, mode="picture_modeling")
    begun = await provider.submit(TrainingSpec(inputs=inputs(Role.PHOTO), subject="man"), key="job_1")
    vendor.finish()
    assert await provider.delete(begun.ref)
    assert [one.url.path for one in vendor.requests if one.method == "DELETE"] == [
        f"{API}/digital-assets/m-1"
    ]


@pytest.mark.parametrize("mode", ["avatar_video", "picture_modeling", "photo_video"])
async def test_an_avatar_goes_with_its_video_and_papers_whatever_the_mode_is_now(mode: str) -> None:
    vendor = Vendor()
    vendor.jobs["job0"] = {"job_id": "job0", "name": "x", "state": "JOB_SUCCESS", "asset_id": ASSET}
    assert await metastudio(vendor, mode=mode).delete(RemoteRef(kind="training", id="job0", model_id=ASSET))
    assert vendor.jobs == {}
    erased = [one.url.path.removeprefix(API) for one in vendor.requests if one.method == "DELETE"]
    assert erased == [f"/digital-assets/{ASSET}", f"{JOBS}/job0"]


@pytest.mark.parametrize("mode", ["avatar_video", "picture_modeling", "photo_video"])
async def test_a_photo_s_model_is_erased_whatever_the_mode_is_now(mode: str, inputs: Inputs) -> None:
    vendor = Vendor()
    began = metastudio(vendor, mode="picture_modeling")
    ref = (await began.submit(TrainingSpec(inputs=inputs(Role.PHOTO), subject="man"), key="job_1")).ref
    vendor.finish()
    assert await metastudio(vendor, mode=mode).delete(ref)
    erased = [one.url.path.removeprefix(API) for one in vendor.requests if one.method == "DELETE"]
    assert erased == ["/digital-assets/m-1"]


@pytest.mark.parametrize(("known", "erased"), [(True, False), (False, True)])
async def test_a_photo_s_model_that_the_library_never_had_is_not_called_erased(
    known: bool, erased: bool
) -> None:
    def wire(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE" or not known:
            return httpx.Response(404, json={"error_code": "MSS.00000002", "error_msg": "Not Found"})
        return httpx.Response(200, json=body("picture_succeeded"))

    ref = RemoteRef(kind="training", id="6eb78b2f-1", model_id="m-1")
    assert await metastudio(wire, mode="picture_modeling").delete(ref) is erased


async def test_deleting_erases_avatar_video_and_papers_for_good() -> None:
    vendor = Vendor()
    vendor.jobs["job0"] = {"job_id": "job0", "name": "x", "batch_name": "x", "state": "JOB_SUCCESS"}
    assert await metastudio(vendor).delete(RemoteRef(kind="training", id="job0", model_id=ASSET))
    erased = [
        (one.method, one.url.path.removeprefix(API)) for one in vendor.requests if one.method == "DELETE"
    ]
    assert erased == [("DELETE", f"/digital-assets/{ASSET}"), ("DELETE", f"{JOBS}/job0")]


async def test_what_is_gone_already_is_erased() -> None:
    assert await metastudio(refusing(404, "MSS.00000002")).delete(
        RemoteRef(kind="training", id="x", model_id="y")
    )


async def test_a_clip_is_stopped_while_it_waits_and_never_deleted() -> None:
    assert await metastudio(Vendor()).cancel(CLIP)
    assert not await metastudio(refusing(400, "MSS.00000003")).cancel(CLIP)
    assert not await metastudio(Vendor()).delete(CLIP)


# -- signing in


TOKEN = {"iam_domain": "myaccount", "iam_user": "bot", "iam_password": "***"}


class Iam:
    """Hands out tokens, and refuses those it was told to."""

    def __init__(self, *refused: str, expires: str = "2999-01-01T00:00:00Z") -> None:
        self.given: list[str] = []
        self.refused = set(refused)
        self.expires = expires
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.startswith("iam."):
            self.asked.append(request)
            self.given.append(f"token-{len(self.given)}")
            told = body("token")
            told["token"]["expires_at"] = self.expires
            return httpx.Response(201, json=told, headers={"x-subject-token": self.given[-1]})
        if request.headers["x-auth-token"] in self.refused:
            return httpx.Response(400, json={"error_code": "MSS.00010008", "error_msg": "bad token"})
        assert "authorization" not in request.headers
        return httpx.Response(200, json=body("list_assets"))


async def test_a_token_is_asked_for_once_and_shown_with_every_call() -> None:
    iam = Iam()
    provider = metastudio(iam, **TOKEN)
    for _ in range(3):
        await provider.check()
    (asked,) = iam.asked
    assert str(asked.url) == "https://iam.myhuaweicloud.com/v3/auth/tokens?nocatalog=true"
    wanted = body("token.request")
    wanted["auth"]["scope"]["project"] = {"id": PROJECT}
    assert json.loads(asked.content) == wanted
    assert "authorization" not in asked.headers


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    iam = Iam("token-0")
    await metastudio(iam, **TOKEN).check()
    assert iam.given == ["token-0", "token-1"]
    never = Iam("token-0", "token-1")
    with pytest.raises(AuthenticationFailed, match="METASTUDIO_PROJECT_ID"):
        await metastudio(never, **TOKEN).check()
    assert len(never.given) == 2


@pytest.mark.parametrize(
    "told", [{"error_code": "APIGW.0306", "error_msg": "no"}, {"message": "no"}], ids=["its own", "no code"]
)
async def test_a_401_of_whatever_code_is_met_with_a_fresh_token_once(told: dict[str, str]) -> None:
    iam = Iam()

    def wire(request: httpx.Request) -> httpx.Response:
        if request.headers.get("x-auth-token") == "token-0":
            return httpx.Response(401, json=told)
        return iam(request)

    await metastudio(wire, **TOKEN).check()
    assert iam.given == ["token-0", "token-1"]


async def test_a_missing_permission_is_no_matter_of_the_token() -> None:
    iam = Iam()

    def wire(request: httpx.Request) -> httpx.Response:
        if "x-auth-token" in request.headers:
            return httpx.Response(403, json={"error_code": "APIGW.0302", "error_msg": "no"})
        return iam(request)

    with pytest.raises(AuthenticationFailed, match="FullAccess"):
        await metastudio(wire, **TOKEN).check()
    assert iam.given == ["token-0"]


async def test_a_token_about_to_end_is_renewed_before_it_does() -> None:
    iam = Iam(expires="2020-01-01T00:00:00Z")
    provider = metastudio(iam, **TOKEN)
    for _ in range(2):
        await provider.check()
    assert len(iam.given) == 2


async def test_a_wrong_password_is_the_operator_s() -> None:
    told = {"error": {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}}
    with pytest.raises(AuthenticationFailed, match="METASTUDIO_IAM_PASSWORD"):
        await metastudio(lambda request: httpx.Response(401, json=told), **TOKEN).check()


@pytest.mark.parametrize(
    "facts", [{"access_key_secret": None}, {**TOKEN, "access_key_id": AK, "access_key_secret": SK}]
)
def test_one_way_to_sign_in_and_not_two(facts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="METASTUDIO_IAM_DOMAIN"):
        metastudio(Vendor(), **facts)


async def test_the_third_party_user_goes_with_every_call() -> None:
    asked: list[httpx.Request] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=body("list_assets"))

    await metastudio(wire, app_user_id="team-7").check()
    assert asked[0].headers["x-app-userid"] == "team-7"
    assert "x-app-userid" in asked[0].headers["authorization"]


# -- saying no


NOES: list[tuple[int, str, type[ProviderError], type[ProviderError]]] = [
    (400, "MSS.00000003", InvalidInput, InvalidInput),
    (400, "MSS.00000002", InvalidInput, InvalidInput),
    (404, "MSS.00000002", NotFound, NotFound),
    (401, "MSS.00000001", AuthenticationFailed, AuthenticationFailed),
    (400, "MSS.00010008", AuthenticationFailed, AuthenticationFailed),
    (400, "MSS.00010009", AuthenticationFailed, AuthenticationFailed),
    (400, "MSS.00010003", AuthenticationFailed, AuthenticationFailed),
    (400, "MSS.00010004", AuthenticationFailed, AuthenticationFailed),
    (400, "MSS.10000002", InvalidInput, InvalidInput),
    (400, "MSS.10000003", InvalidInput, InvalidInput),
    (400, "MSS.10001001", NotFound, NotFound),
    (400, "MSS.10001004", NotFound, NotFound),
    (400, "MSS.10001006", Unavailable, OutcomeUnknown),
    (400, "MSS.10001007", InvalidInput, InvalidInput),
    (400, "MSS.45000003", InvalidInput, InvalidInput),
    (500, "MSS.00000004", Unavailable, OutcomeUnknown),
    (500, "MSS.42000007", Unavailable, OutcomeUnknown),
    (404, "APIGW.0101", AuthenticationFailed, AuthenticationFailed),
    (413, "APIGW.0201", InvalidInput, InvalidInput),
    (401, "APIGW.0301", AuthenticationFailed, AuthenticationFailed),
    (403, "", AuthenticationFailed, AuthenticationFailed),
    (429, "APIGW.0308", RateLimited, RateLimited),
    (503, "", Unavailable, Unavailable),
    (418, "MSS.99999999", InvalidInput, InvalidInput),
]


@pytest.mark.parametrize(
    ("status", "code", "asking", "starting"), NOES, ids=[f"{row[0]}-{row[1]}" for row in NOES]
)
async def test_what_each_code_means_when_asking_and_when_starting(
    status: int, code: str, asking: type[ProviderError], starting: type[ProviderError]
) -> None:
    with pytest.raises(ProviderError) as asked:
        await metastudio(refusing(status, code, request_id="r-1")).poll(CLIP)
    with pytest.raises(ProviderError) as started:
        await metastudio(refusing(status, code, request_id="r-1")).generate(clip(), key="job_1")
    assert (type(asked.value), type(started.value)) == (asking, starting)
    assert (asked.value.code, asked.value.request_id) == (code or None, "r-1")


@pytest.mark.parametrize(
    "form",
    [
        {"errorCode": "APIGW.0301", "errorMsg": "x"},
        {"code": "APIGW.0301", "message": "x"},
        {"error": {"code": "APIGW.0301"}},
    ],
)
async def test_errors_in_their_other_forms_are_read_too(form: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationFailed, match="clock is less than 15 minutes off"):
        await metastudio(lambda request: httpx.Response(401, json=form)).check()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "APIGW.0301", "METASTUDIO_ACCESS_KEY_SECRET"),
        (400, "MSS.00010009", "METASTUDIO_PROJECT_ID"),
        (404, "APIGW.0101", "METASTUDIO_REGION"),
        (403, "", "permission"),
        (503, "", "METASTUDIO_PROXY"),
    ],
)
async def test_the_check_says_whether_it_is_the_key_the_project_the_region_or_the_permission(
    status: int, code: str, words: str
) -> None:
    with pytest.raises(ProviderError, match=words):
        await metastudio(refusing(status, code)).check()


def test_the_region_is_the_address_unless_one_is_named() -> None:
    known = {"project_id": PROJECT, "access_key_id": AK, "access_key_secret": SK}
    assert (
        MetastudioSettings(**known, region="ap-southeast-3").home
        == "https://metastudio.ap-southeast-3.myhuaweicloud.com"
    )
    assert MetastudioSettings(**known, endpoint="http://127.0.0.1:1/").home == "http://127.0.0.1:1"
