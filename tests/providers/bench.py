"""What the contract suite needs of a vendor: a bench on which its provider can be run without the vendor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bot.providers import (
    GenerationSpec,
    HttpClient,
    MediaInput,
    OneshotSpec,
    Operation,
    Provider,
    ProviderError,
    ProviderSettings,
    RemoteState,
    Role,
    TrainingSpec,
)
from tests.fakes import FakeProvider, Fault
from tests.providers.transport import Time

SECRET_PROMPT = "ana by the very secret sea"
SECRET_LINK = "https://photos.example.com/p/unguessable-link-of-a-photo"


def photos(count: int) -> tuple[MediaInput, ...]:
    return tuple(
        MediaInput(
            role=Role.PHOTO,
            path=Path(f"/nowhere/{n}.jpg"),
            media_type="image/jpeg",
            url=f"{SECRET_LINK}-{n}.jpg",
        )
        for n in range(count)
    )


@dataclass(frozen=True, slots=True)
class Word:
    """What one status word means."""

    kind: str
    word: str
    state: RemoteState | None
    """None where `raises` says it."""
    tentative: bool = False
    raises: type[ProviderError] | None = None

    def __str__(self) -> str:
        return f"{self.kind}-{self.word}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one answer of the vendor's means."""

    status: int
    body: Mapping[str, Any] | str
    """JSON, or a gateway's page."""
    asking: type[ProviderError]
    starting: type[ProviderError]
    words: str = ""
    """A part of what the operator or the person is told."""

    def __str__(self) -> str:
        told = {"page": "page"} if isinstance(self.body, str) else self.body
        return f"{self.status}-" + "-".join(_texts(told))


@dataclass(frozen=True, slots=True)
class End:
    """What it means that a job of a kind has ended with this code, or with nothing to show."""

    kind: str
    code: str
    """Empty: it is done, and there is nothing."""
    state: RemoteState | None = RemoteState.FAILED
    """None where `raises` says it."""
    tentative: bool = False
    raises: type[ProviderError] | None = None
    words: str = ""
    """A part of what is told."""
    wants: frozenset[Role] = frozenset()

    def __str__(self) -> str:
        return f"{self.kind}-{self.code or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Within:
    """What a no means that comes within a yes, where a start takes several calls."""

    path: str
    """The end of the path of the call that is answered so."""
    body: Mapping[str, Any]
    raises: type[ProviderError]
    words: str = ""

    def __str__(self) -> str:
        return "-".join(_texts(self.body))


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    for one in body.values():
        if isinstance(one, Mapping):
            yield from _texts(one)
        elif isinstance(one, list):
            yield from (text for row in one for text in _texts(row))
        elif isinstance(one, str):
            yield one


class Bench(ABC):
    """A vendor in memory that outlives its providers."""

    faulty = True
    """Faults can be ordered; false where there is no wire to break."""
    keyed = True
    """The vendor keeps our key with a training."""

    @abstractmethod
    def provider(self) -> Provider[Any]:
        """A provider as a fresh process would build it, before the same vendor."""

    @abstractmethod
    def finish(self) -> None:
        """Let everything that was started be done."""

    @property
    @abstractmethod
    def created(self) -> int:
        """How many jobs the vendor has started, each of which costs."""

    @abstractmethod
    def order(self, fault: Fault) -> None:
        """Let the next call go wrong."""

    def words(self) -> Sequence[Word]:
        """Every status word on the vendor's page, written from that page and not from the provider."""
        return ()

    def say(self, kind: str, word: str) -> None:
        """Let every job of a kind stand at this word, and have all that a finished one has."""
        raise AssertionError("this vendor has no words")

    def refusals(self) -> Sequence[Refusal]:
        """Every error of the vendor's page, and what it means when asking and when starting."""
        return ()

    def refuse(self, refusal: Refusal, *, starting: bool) -> None:
        """Let the next call be answered so; `starting`: the next that costs."""
        raise AssertionError("this vendor has no wire")

    def ends(self) -> Sequence[End]:
        """Every code that the vendor's page has for a job that failed, and success without a result."""
        return ()

    def end(self, end: End) -> None:
        """Let every job of its kind have ended so."""
        raise AssertionError("this vendor's jobs end well")

    def noes_within(self) -> Sequence[Within]:
        """Every no of the vendor's page that comes within a yes, on the way to a start."""
        return ()

    def say_no(self, no: Within) -> None:
        """Let the next such call be answered so."""
        raise AssertionError("this vendor has no wire")

    def making(self) -> dict[str, Any]:
        """What has to be chosen for a generation."""
        return {}

    def secrets(self) -> tuple[str, ...]:
        """What may stand in no error."""
        return (SECRET_PROMPT, SECRET_LINK)

    def training(self) -> TrainingSpec:
        operation = self.provider().capabilities.training
        assert operation is not None
        return TrainingSpec(inputs=photos(operation.inputs[0].min), subject=operation.subjects[0])

    def generation(self, model_id: str) -> GenerationSpec:
        operation = self.provider().capabilities.generation
        assert operation is not None
        return GenerationSpec(model_id=model_id, prompt=SECRET_PROMPT, count=operation.count_max)

    def oneshot(self) -> OneshotSpec | None:
        """What is made without a model, where the vendor has that beside its trainings."""
        operation = self.provider().capabilities.oneshot
        if operation is None or not operation.offered:
            return None
        inputs = tuple(
            one.model_copy(update={"role": spec.role})
            for spec in operation.inputs
            for one in photos(max(1, spec.min))
        )
        return OneshotSpec(
            inputs=inputs, subject=operation.subjects[0], prompt=SECRET_PROMPT, count=1, options={}
        )


def operations(bench: Bench) -> dict[str, Operation]:
    """What the vendor of a bench offers, by kind: what begins with inputs first."""
    able = bench.provider().capabilities
    found = {"training": able.training, "oneshot": able.oneshot, "generation": able.generation}
    return {kind: operation for kind, operation in found.items() if operation and operation.offered}


class HttpBench(Bench):
    """A bench for any vendor spoken to over HTTP: give it settings and a handler that plays the vendor."""

    def __init__(
        self,
        kind: type[Provider[Any]],
        settings: ProviderSettings,
        vendor: Callable[[httpx.Request], httpx.Response],
    ) -> None:
        self._kind = kind
        self._settings = settings
        self._vendor = vendor
        self._fault: Fault | None = None
        self._refusal: tuple[Refusal, bool] | None = None
        self._no: Within | None = None

    def refuse(self, refusal: Refusal, *, starting: bool) -> None:
        self._refusal = refusal, starting

    def say_no(self, no: Within) -> None:
        self._no = no

    def client(self) -> HttpClient:
        waits = Time()
        return self._kind.client(
            self._settings, transport=httpx.MockTransport(self._wire), clock=waits, sleep=waits.sleep
        )

    def provider(self) -> Provider[Any]:
        return self._kind(self._settings, self.client())

    def order(self, fault: Fault) -> None:
        self._fault = fault

    def pays(self, request: httpx.Request) -> bool:
        """Whether this is the call that costs: where a start takes several, a fault waits for that one."""
        return True

    def _wire(self, request: httpx.Request) -> httpx.Response:
        if self._no and request.method == "POST" and request.url.path.endswith(self._no.path):
            no, self._no = self._no, None
            return httpx.Response(200, json=dict(no.body))
        if self._refusal is not None and (self.pays(request) or not self._refusal[1]):
            refusal, self._refusal = self._refusal[0], None
            if isinstance(refusal.body, str):
                return httpx.Response(refusal.status, text=refusal.body)
            return httpx.Response(refusal.status, json=dict(refusal.body))
        if not self.pays(request):
            return self._vendor(request)
        fault, self._fault = self._fault, None
        match fault:
            case Fault.BUSY:
                return httpx.Response(429, headers={"retry-after": "7"}, text="slow down")
            case Fault.DOWN:
                raise httpx.ConnectError(f"no route to {request.url}")
            case Fault.LOST:
                raise httpx.ReadTimeout(f"no answer to {request.content!r}")
            case Fault.CREATED:
                self._vendor(request)
                raise httpx.ReadError(f"no answer to {request.content!r}")
            case Fault.HALF:
                # What costs has been answered; the next call of the same start breaks off.
                self._fault = Fault.LOST
                return self._vendor(request)
            case Fault.REFUSED:
                return httpx.Response(400, text=f"<p>{request.content!r} {request.headers!r}</p>")
            case None:
                return self._vendor(request)


class FakeBench(Bench):
    """The fake itself, of which the suite makes the same claims, so that it cannot drift."""

    def __init__(self) -> None:
        self._one = FakeProvider()

    def provider(self) -> FakeProvider:
        return FakeProvider(vendor=self._one.vendor)

    def finish(self) -> None:
        self._one.finish()

    @property
    def created(self) -> int:
        return self._one.paid

    def order(self, fault: Fault) -> None:
        for operation in ("submit", "generate"):
            self._one.vendor.faults[operation].clear()
            self._one.fail_next(operation, fault)
