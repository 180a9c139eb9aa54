"""What Img Open's answers mean: its envelope, its status numbers, a training's result in any shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from bot.providers._answers import Answer, by_status, first_text, vendor_words
from bot.providers._base import RemoteState
from bot.providers._errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    UnexpectedResponse,
)
from bot.providers._wire import StatusWords
from bot.providers.img_open.settings import ImgOpenSettings

WORDS: Mapping[str, RemoteState] = {
    "SUCCESS|SUCCEED|FINISH|DONE|COMPLETE": RemoteState.SUCCEEDED,
    "FAIL|ERROR": RemoteState.FAILED,
    "CANCEL": RemoteState.CANCELLED,
    "RUN|TRAIN|PROCESS": RemoteState.RUNNING,
    "WAIT|QUEUE|PENDING": RemoteState.QUEUED,
}
"""Statuses in words, by what they hold; the vendor sends numbers as far as its pages show."""
_IN_WORDS = StatusWords("img_open", {}, WORDS)
KEYS = re.compile(
    r"access\s*key|secret|unauthor|\bauth(?:\b|en|ori[sz])|permission|forbidden|鉴权|权限|密钥", re.IGNORECASE
)
THERE = re.compile(r"already|exists|duplicat|\brepeated\b|已存在|重复提交|任务重复", re.IGNORECASE)
"""How a task id that was seen before may be refused; the vendor documents no words for it."""
ABSENT = re.compile(r"not\s+(?:exist|found)|no such|不存在|未找到", re.IGNORECASE)
BUSY = re.compile(
    r"busy|later|time\s*d?\s*-?out|internal|exception|system|server|gateway|"
    r"繁忙|稍后|超时|异常|系统|内部|网关|服务器",
    re.IGNORECASE,
)
"""A trouble of the vendor's own, which passes, as opposed to something that it will not take."""
HELD_BACK = re.compile(r"sensitive|nsfw|violat|moderation|敏感|违规|违禁|审核不通过", re.IGNORECASE)
MAY_NOT = re.compile(r"permission|forbidden|权限", re.IGNORECASE)
_SENTENCE = "Img Open does not accept the keys: check IMG_OPEN_ACCESS_KEY_ID and IMG_OPEN_ACCESS_KEY_SECRET."
PATH_FINDS_NOTHING = (
    "Nothing is found where Img Open is asked for the results of trainings: set IMG_OPEN_RESULT_PATH to the "
    "path the vendor names. Until then its callbacks and the list of LoRAs say how a training stands, later."
)
_RIGHTS = "Img Open knows the keys and lets their account not use this: have the vendor open it."


class AlreadyThere(InvalidInput):
    """The vendor has seen this id before."""


class Doubtful(InvalidInput):
    """Refused with a sentence, and with a code that may also mean that something of the vendor's broke."""


TRANSIENT = {"429", "500", "502", "503", "504"}


def open_envelope(answer: Answer, *, secrets: tuple[str, ...]) -> JsonValue:
    """Return `data`. The verdict is a code that is text and says 200, whatever the status of HTTP.

    Raises:
        AuthenticationFailed: the keys are refused.
        NotFound: by its sentence, the vendor does not know what was asked for.
        AlreadyThere: by its sentence, the vendor has this id already.
        ContentRejected: by its sentence, moderation holds it back.
        Doubtful: a code of a broken server, with a sentence that is about what was to be started.
        InvalidInput: any other code, with the vendor's sentence.
        Unavailable, OutcomeUnknown: the codes and pages of a gateway.
    """
    body = _fields(answer)
    code = first_text(body, "code")
    if answer.ok and code == "200":
        return body
    said = first_text(body, "msg", "message")
    status = int(code) if code.isdecimal() and 400 <= int(code) < 600 else answer.status
    facts = {"code": vendor_words(code) or None}
    if status in {401, 403} or KEYS.search(said):
        lacks = status == 403 or MAY_NOT.search(said)
        raise answer.refusal(AuthenticationFailed, _RIGHTS if lacks else _SENTENCE, **facts)
    words = answer.words(said, secrets=secrets)
    # The one code that its page shows is 500, for whatever there is to refuse: the sentence says more.
    if code and answer.safe and ABSENT.search(said):
        raise answer.refusal(NotFound, words, **facts)
    if code and THERE.search(said) and not ABSENT.search(said):
        raise answer.refusal(AlreadyThere, words, **facts)
    if code and HELD_BACK.search(said):
        raise answer.refusal(ContentRejected, words, **facts)
    if code == "500" and answer.ok and not answer.safe and said and not BUSY.search(said):
        raise answer.refusal(Doubtful, words, **facts)
    if code in TRANSIENT or (not code and not answer.ok):
        raise answer.refusal(by_status(status, safe=answer.safe), words, **facts)
    if not code:
        raise answer.senseless("no code")
    raise answer.refusal(InvalidInput if answer.ok else None, words or "Img Open refuses this.", **facts)


def _fields(answer: Answer) -> dict[str, JsonValue]:
    """The body. A page where JSON should be is a gateway's, whatever status it comes with."""
    try:
        return answer.fields()
    except (UnexpectedResponse, OutcomeUnknown):
        raise answer.refusal(by_status(502, safe=answer.safe)) from None


def state_of(value: object, has: ImgOpenSettings) -> RemoteState | None:
    """What a status stands for; None where there is none, and *running* for a word nobody knows."""
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    if re.fullmatch(r"-?\d+", text):
        known = {
            **dict.fromkeys(has.states_queued, RemoteState.QUEUED),
            **dict.fromkeys(has.states_running, RemoteState.RUNNING),
            **dict.fromkeys(has.states_succeeded, RemoteState.SUCCEEDED),
        }
        return known.get(text, RemoteState.FAILED)
    return _IN_WORDS(text)


@dataclass(frozen=True, slots=True)
class Result:
    """What is told of a training, by query or by callback."""

    task_id: str
    state: RemoteState | None = None
    word: str = ""
    name: str = ""
    message: str = ""
    absent: bool = False
    """The vendor says that it knows no such training."""


def result_of(body: JsonValue, has: ImgOpenSettings) -> Result:
    """Read a result: the payload first, then what is around it. `data` is an object or a list of one."""
    whole = body if isinstance(body, dict) else {}
    inner = whole.get("data")
    inner = inner[0] if isinstance(inner, list) and inner else inner
    payload = inner if isinstance(inner, dict) else {}

    def found(names: tuple[str, ...]) -> str:
        return first_text(payload, *names) or first_text(whole, *names)

    word, name = found(has.result_status_fields), found(has.result_name_fields)
    state = state_of(word, has)
    outer = payload and not first_text(payload, *has.result_status_fields)
    if outer and state is RemoteState.FAILED and word.lstrip("-").isdecimal():
        # Around a payload a number that is none of its states may well be that of HTTP.
        word, state = "", None
    if state is None and (name or found(has.result_url_fields)):
        state = RemoteState.SUCCEEDED
    # The envelope's own sentence says nothing of a training that it has a payload of.
    message = first_text(payload or whole, *has.result_message_fields)
    return Result(found(has.result_id_fields), state, word, name, message)


_NO = frozenset({"false", "0"})


def pictures_of(row: Mapping[str, JsonValue]) -> tuple[dict[int, str], list[int]]:
    """The links of the images by their places, and the places of those that moderation holds back."""
    listed = row.get("differentialImageRspList")
    images = [one if isinstance(one, dict) else {} for one in (listed if isinstance(listed, list) else ())]
    refused = [n for n, one in enumerate(images) if str(one.get("img_audit_status")).lower() in _NO]
    links = {n: first_text(one, "image_url") for n, one in enumerate(images) if n not in refused}
    return {n: link for n, link in links.items() if link}, refused


BASE = "v1-5-pruned-emaonly"
"""The usual base model, by the vendor's name without its ending."""


def task_id_of(key: str) -> str:
    """Our key as an id of the vendor's: small letters, digits and dashes."""
    return key.lower().replace("_", "-")


def key_of(task_id: str) -> str:
    """The key that such an id was made of."""
    return task_id.replace("-", "_")


_BESIDE = "@@"


@dataclass(frozen=True, slots=True)
class Trained:
    """A training or its LoRA, and what of it images need again, which the vendor's own name does not tell."""

    name: str
    base: str = BASE
    clip_skip: int = 1

    def __str__(self) -> str:
        usual = (self.base, self.clip_skip) == (BASE, 1)
        return self.name if usual else _BESIDE.join((self.name, self.base, str(self.clip_skip)))

    @classmethod
    def read(cls, text: str) -> Trained:
        """The same again."""
        name, base, skip = [*text.split(_BESIDE), "", ""][:3]
        return cls(name, base or BASE, int(skip or 1))
