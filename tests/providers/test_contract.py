"""The same claims of every vendor, in each of its ways, of the fake, and of the one in the documentation."""

import contextlib
import importlib
import inspect
import json
import logging
import re
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from bot.providers import (
    Finding,
    GenerationSpec,
    NotFound,
    OutcomeUnknown,
    PermanentError,
    Provider,
    ProviderError,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Spec,
    TrainingSpec,
    TransientError,
)
from tests.fakes import FakeProvider, Fault
from tests.providers.bench import SECRET_PROMPT, Bench, End, FakeBench, Refusal, Within, Word, operations
from tests.vendors import benched, ours

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/providers/README.md"
RESULTS = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP|....ftyp", re.DOTALL)


def block(language: str) -> str:
    """The first block of a language on the page."""
    found = re.search(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found.group(1)


class HelloBench(Bench):
    """The page's provider, which keeps nothing and so has nothing to break."""

    faulty = False

    def __init__(self) -> None:
        module: dict[str, Any] = {"__name__": "bot.providers.hello"}
        exec(compile(block("python"), str(PAGE), "exec"), module)
        self.kind = module["Hello"]

    def provider(self) -> Provider[Any]:
        settings = self.kind.Settings()
        return self.kind(settings, self.kind.client(settings))

    def finish(self) -> None:
        pass

    @property
    def created(self) -> int:
        return 0

    def order(self, fault: Fault) -> None:
        raise AssertionError("hello has no wire to break")


def vendors() -> dict[str, type[Bench]]:
    """Every vendor's bench, and one for each further way in which it works."""
    found: dict[str, type[Bench]] = {}
    for name in benched():
        module = importlib.import_module(f"tests.providers.{name}.bench")
        found[name] = module.bench
        found |= {f"{name}-{way}": kind for way, kind in getattr(module, "ways", {}).items()}
    return found


VENDORS = vendors()
BENCHES: dict[str, type[Bench]] = {"fake": FakeBench, "hello (documentation)": HelloBench, **VENDORS}
FAULTY = {name: kind for name, kind in BENCHES.items() if kind.faulty}
TRAINERS = {name: kind for name, kind in BENCHES.items() if "training" in operations(kind())}
"""Some ways have nothing that is trained."""
KINDS = {"fake": FakeProvider, **benched()}


@pytest.fixture(params=list(BENCHES.values()), ids=list(BENCHES))
def bench(request: pytest.FixtureRequest) -> Bench:
    return request.param()


@pytest.fixture(params=list(TRAINERS.values()), ids=list(TRAINERS))
def trainer(request: pytest.FixtureRequest) -> Bench:
    return request.param()


@pytest.fixture(params=list(FAULTY.values()), ids=list(FAULTY))
def faulty(request: pytest.FixtureRequest) -> Bench:
    return request.param()


def wanted(bench: Bench, kind: str, model_id: str = "m") -> Spec:
    """A request of a kind, as `start` sends it."""
    if kind == "training":
        return bench.training()
    if kind == "generation":
        return bench.generation(model_id)
    alone = bench.oneshot()
    assert alone is not None
    return alone


async def start(
    bench: Bench, kind: str | None = None, *, key: str = "key-1", model_id: str = "m"
) -> RemoteJob:
    """Start a job by a provider of its own: of the vendor's first kind, where none is named."""
    provider, spec = bench.provider(), wanted(bench, kind or first(bench), model_id)
    if isinstance(spec, TrainingSpec):
        return await provider.submit(spec, key=key)
    if isinstance(spec, GenerationSpec):
        return await provider.generate(spec, key=key)
    return await provider.oneshot(spec, key=key)


def first(bench: Bench) -> str:
    """What the vendor begins with."""
    return next(iter(operations(bench)))


async def trained(bench: Bench) -> RemoteJob:
    begun = await start(bench, "training")
    bench.finish()
    return await bench.provider().poll(begun.ref)


async def to_use(bench: Bench) -> tuple[str, frozenset[str]]:
    """A model for what is made with one, and the jobs that this took."""
    if "training" not in operations(bench):
        return "m", frozenset()
    model = await trained(bench)
    assert model.model_id is not None
    return model.model_id, frozenset({model.ref.id})


async def pictured(bench: Bench) -> RemoteJob:
    """A finished job that has something to show."""
    kind = next(kind for kind in ("generation", "oneshot", "training") if kind in operations(bench))
    begun = await start(bench, kind, key="key-2", model_id=(await to_use(bench))[0])
    bench.finish()
    return await bench.provider().poll(begun.ref)


async def raised(bench: Bench, fault: Fault) -> ProviderError:
    bench.order(fault)
    with pytest.raises(ProviderError) as caught:
        await start(bench)
    return caught.value


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_name_can_be_stored_and_its_settings_begin_with_it(kind: type[Provider[Any]]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", kind.name)
    assert kind.Settings.model_config.get("env_prefix") == f"{kind.name.upper()}_"
    assert KINDS[kind.name] is kind


def test_capabilities_can_be_drawn_and_scheduled(bench: Bench) -> None:
    able = bench.provider().capabilities
    assert able.label
    assert able.country
    assert able.calls_at_once >= 1
    starts = [operation for operation in (able.training, able.oneshot) if operation]
    assert any(operation.offered for operation in starts)
    for operation in starts:
        roles = [spec.role for spec in operation.inputs]
        assert operation.subjects
        assert len(roles) == len(set(roles))
        assert {Role.PHOTO, Role.VIDEO} & set(roles)
        for spec in operation.inputs:
            assert 0 <= spec.min <= spec.max
            assert spec.max > 0
            assert spec.max_bytes > 0
            assert spec.media_types
            if spec.role is Role.PHOTO:
                assert {"image/jpeg", "image/png"} <= set(spec.media_types)
    for operation in filter(None, (able.training, able.generation, able.oneshot)):
        assert operation.concurrency >= 1
        assert operation.gap.total_seconds() >= 0
        assert 0 < operation.poll_first.total_seconds() <= operation.poll_most.total_seconds()
        assert operation.poll_most <= operation.deadline
        assert operation.count_max >= 1
        if operation.options is not None:
            operation.options()
            assert all(field.description for field in operation.options.model_fields.values())


def test_what_is_offered_is_what_a_job_that_begins_so_is_held_to(bench: Bench) -> None:
    provider = bench.provider()
    for kind, operation in operations(bench).items():
        gave = frozenset(one.role for one in wanted(bench, kind).inputs)
        assert provider.operation(kind, gave) == provider.operation(kind) == operation


async def test_a_healthy_vendor_passes_its_check(bench: Bench) -> None:
    assert await bench.provider().check() is None


async def test_what_was_just_submitted_is_open_and_has_an_id(bench: Bench) -> None:
    begun = await start(bench)
    assert begun.ref.kind == first(bench)
    assert begun.ref.id
    assert begun.state in {RemoteState.QUEUED, RemoteState.RUNNING}
    assert not begun.artifacts


async def test_a_finished_training_names_its_model(trainer: Bench) -> None:
    done = await trained(trainer)
    assert done.state is RemoteState.SUCCEEDED
    assert done.model_id
    assert done.progress is None or 0 <= done.progress <= 1
    assert not done.tentative
    assert json.loads(json.dumps(dict(done.details)))


async def test_an_open_job_is_not_finished_before_the_vendor_says_so(faulty: Bench) -> None:
    begun = await start(faulty)
    told = await faulty.provider().poll(begun.ref)
    assert told.state in {RemoteState.QUEUED, RemoteState.RUNNING}
    assert told.ref.id == begun.ref.id


async def test_what_was_made_is_images_or_a_clip_and_as_many_as_named(bench: Bench) -> None:
    done = await pictured(bench)
    assert done.state is RemoteState.SUCCEEDED
    locators = [artifact.locator for artifact in done.artifacts]
    asked = wanted(bench, done.ref.kind)
    # A clip comes with its cover.
    assert len(set(locators)) == len(locators) >= (1 if isinstance(asked, TrainingSpec) else asked.count)
    for artifact in done.artifacts:
        data = b"".join([piece async for piece in bench.provider().fetch(done.ref, artifact)])
        assert RESULTS.match(data)


async def test_locators_stay_the_same_from_poll_to_poll(bench: Bench) -> None:
    done = await pictured(bench)
    again = await bench.provider().poll(done.ref)
    assert again.artifacts == done.artifacts


async def test_a_fresh_process_goes_on_where_the_old_one_stopped(bench: Bench) -> None:
    begun = await start(bench)
    bench.finish()
    stored = RemoteRef.model_validate_json(begun.ref.model_dump_json())
    assert (await bench.provider().poll(stored)).state is RemoteState.SUCCEEDED


async def test_cancel_and_delete_say_whether_they_could(bench: Bench) -> None:
    begun = await start(bench)
    assert await bench.provider().cancel(begun.ref) in {True, False}
    assert await bench.provider().delete(begun.ref) in {True, False}


async def test_nothing_is_found_where_nothing_was_made(bench: Bench) -> None:
    spec = wanted(bench, first(bench))
    assert await bench.provider().find(spec, key="key-1", known=frozenset()) is None


def looked_for() -> list[Any]:
    """Every kind of job that is found again after a lost answer; only a one-shot may be past finding."""
    found = []
    for name, kind in FAULTY.items():
        for what, operation in operations(kind()).items():
            assert operation.idempotent or what == "oneshot"
            if operation.idempotent:
                found.append(pytest.param(kind, what, id=f"{name}-{what}"))
    return found


@pytest.mark.parametrize(("kind", "what"), looked_for())
async def test_a_job_whose_answer_was_lost_is_found_and_not_paid_again(kind: type[Bench], what: str) -> None:
    bench = kind()
    model_id, known = await to_use(bench)
    before = bench.created
    bench.order(Fault.CREATED)
    with pytest.raises(OutcomeUnknown):
        await start(bench, what, key="key-9", model_id=model_id)
    spec = wanted(bench, what, model_id)
    found = await bench.provider().find(spec, key="key-9", known=known)
    assert found is not None
    assert found.ref.kind == what
    assert bench.created == before + 1
    bench.finish()
    assert (await bench.provider().poll(found.ref)).state is RemoteState.SUCCEEDED
    # Once it is ours it is not offered again.
    known |= {found.ref.id}
    assert await bench.provider().find(spec, key="key-9", known=known) is None


async def test_another_key_finds_nothing(faulty: Bench) -> None:
    begun = await start(faulty)
    # Where the vendor keeps no key of ours, only what our tables say keeps two jobs apart.
    known = frozenset() if faulty.keyed else frozenset({begun.ref.id})
    spec = wanted(faulty, first(faulty))
    assert await faulty.provider().find(spec, key="key-2", known=known) is None


async def test_a_lost_call_that_made_nothing_is_unknown_and_not_found(faulty: Bench) -> None:
    assert isinstance(await raised(faulty, Fault.LOST), OutcomeUnknown)
    assert faulty.created == 0
    spec = wanted(faulty, first(faulty))
    assert await faulty.provider().find(spec, key="key-1", known=frozenset()) is None


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.DOWN])
async def test_a_busy_or_unreachable_vendor_has_started_nothing(faulty: Bench, fault: Fault) -> None:
    error = await raised(faulty, fault)
    assert isinstance(error, TransientError)
    assert faulty.created == 0
    assert (error.retry_after is not None) == (fault is Fault.BUSY)


async def test_a_refusal_is_final_and_has_started_nothing(faulty: Bench) -> None:
    assert isinstance(await raised(faulty, Fault.REFUSED), PermanentError)
    assert faulty.created == 0


async def test_a_job_the_vendor_does_not_know_is_no_success(faulty: Bench) -> None:
    for kind in operations(faulty):
        with contextlib.suppress(NotFound):
            told = await faulty.provider().poll(RemoteRef.model_validate({"kind": kind, "id": "99999"}))
            assert told.state is RemoteState.FAILED
            assert told.tentative


@pytest.mark.parametrize(
    "fault", [one for one in Fault if one is not Fault.HALF], ids=lambda fault: fault.name
)
async def test_no_error_tells_a_key_a_prompt_or_a_link(faulty: Bench, fault: Fault) -> None:
    model_id, _ = await to_use(faulty)
    for kind in operations(faulty):
        faulty.order(fault)
        with pytest.raises(ProviderError) as caught:
            await start(faulty, kind, key="key-9", model_id=model_id)
        told = "".join(traceback.format_exception(caught.value)) + caught.value.detail
        assert not [secret for secret in faulty.secrets() if secret in told]


# -- every vendor's words, written from its page and not from its provider


async def begun(bench: Bench, kind: str) -> RemoteRef:
    """A job of a kind, just started."""
    model_id = (await to_use(bench))[0] if kind == "generation" else ""
    return (await start(bench, kind, key="key-2", model_id=model_id)).ref


def each(claims: str) -> list[Any]:
    """Every claim of a kind that any vendor's bench makes, with its bench."""
    found = []
    for name, kind in VENDORS.items():
        made = getattr(kind(), claims)()
        assert made or claims in {"ends", "noes_within"}, f"the bench of {name} has no {claims}()"
        found += [pytest.param(kind, one, id=f"{name}-{one}") for one in made]
    return found


@pytest.mark.parametrize(("kind", "word"), each("words"))
async def test_every_documented_status_word_has_its_state(kind: type[Bench], word: Word) -> None:
    bench = kind()
    ref = await begun(bench, word.kind)
    bench.say(word.kind, word.word)
    if word.raises is not None:
        with pytest.raises(word.raises):
            await bench.provider().poll(ref)
        return
    told = await bench.provider().poll(ref)
    assert (told.state, told.tentative) == (word.state, word.tentative)


@pytest.mark.parametrize("name", VENDORS)
async def test_a_word_nobody_knows_runs_on_and_is_logged_once(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = BENCHES[name]()
    for number, kind in enumerate(sorted({word.kind for word in bench.words()})):
        ref = await begun(bench, kind)
        strange = f"DREAMING_{number}"
        bench.say(kind, strange)
        provider = bench.provider()
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                told = await provider.poll(ref)
                assert (told.state, told.tentative) == (RemoteState.RUNNING, False)
        said = [one for one in caplog.records if getattr(one, "action", "") == "vendor_word_unknown"]
        assert [getattr(one, "word", "") for one in said] == [strange]


@pytest.mark.parametrize(("kind", "end"), each("ends"))
async def test_what_a_job_ended_with_says_who_can_mend_it_and_what(kind: type[Bench], end: End) -> None:
    bench = kind()
    ref = await begun(bench, end.kind)
    bench.end(end)
    if end.raises is not None:
        with pytest.raises(ProviderError) as caught:
            await bench.provider().poll(ref)
        assert type(caught.value) is end.raises
        assert end.words in str(caught.value)
        return
    told = await bench.provider().poll(ref)
    assert (told.state, told.tentative) == (end.state, end.tentative)
    assert end.words in (told.reason or "")
    assert told.wants == end.wants
    assert not told.artifacts


@pytest.mark.parametrize(("kind", "refusal"), each("refusals"))
async def test_every_documented_error_is_named_by_what_happens_next(
    kind: type[Bench], refusal: Refusal
) -> None:
    bench = kind()
    model_id, _ = await to_use(bench)
    bench.refuse(refusal, starting=False)
    await refused(bench.provider().check(), refusal.asking, refusal.words, bench)
    for number, what in enumerate(operations(bench)):
        bench.refuse(refusal, starting=True)
        starting = start(bench, what, key=f"key-{9 - number}", model_id=model_id)
        await refused(starting, refusal.starting, refusal.words, bench)


@pytest.mark.parametrize(("kind", "no"), each("noes_within"))
async def test_a_no_within_a_yes_on_the_way_to_a_start_is_a_no(kind: type[Bench], no: Within) -> None:
    bench = kind()
    bench.say_no(no)
    await refused(start(bench), no.raises, no.words, bench)


async def refused(call: Awaitable[Any], kind: type[ProviderError], words: str, bench: Bench) -> None:
    with pytest.raises(ProviderError) as caught:
        await call
    assert type(caught.value) is kind
    assert words in str(caught.value)
    told = "".join(traceback.format_exception(caught.value)) + caught.value.detail
    assert not [secret for secret in bench.secrets() if secret in told]


# -- what only some vendors have, which the fake has all of


async def test_what_a_vendor_does_not_have_is_quiet_and_harmless(bench: Bench) -> None:
    provider = bench.provider()
    begun = await start(bench)
    assert all(isinstance(line, str) for line in await provider.logs(begun.ref))
    for _ in range(2):
        assert await provider.tidy(begun.ref, key="key-1") is None
    assert await provider.tidy(RemoteRef(kind="training", id=""), key="key-2") is None


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"7", b"not json", b"\xff\xfe\x00", b"{}", b'{"id": null}']
)
def test_a_callback_that_makes_no_sense_is_none(bench: Bench, body: bytes) -> None:
    assert bench.provider().callback(body) is None


async def test_a_look_has_a_finding_for_each_input(bench: Bench) -> None:
    inputs = wanted(bench, first(bench)).inputs
    found = await bench.provider().inspect(inputs)
    assert len(found) == (len(inputs) if operations(bench)[first(bench)].inspects else 0)
    assert all(isinstance(one, Finding) for one in found)


async def test_what_broke_off_half_way_is_found_unfinished_and_goes_on_without_a_second_job() -> None:
    bench = FakeBench()
    bench.order(Fault.HALF)
    with pytest.raises(OutcomeUnknown):
        await bench.provider().submit(bench.training(), key="key-1")
    found = await bench.provider().find(bench.training(), key="key-1", known=frozenset())
    assert found is not None
    assert found.unfinished
    assert (await bench.provider().poll(found.ref)).state is RemoteState.QUEUED
    again = await bench.provider().submit(bench.training(), key="key-1")
    assert (again.ref, bench.created) == (found.ref, 1)
    found = await bench.provider().find(bench.training(), key="key-1", known=frozenset())
    assert found is not None
    assert not found.unfinished


async def test_a_job_that_waits_for_better_inputs_is_unfinished_until_they_are_there() -> None:
    bench = FakeBench()
    begun = await bench.provider().submit(bench.training(), key="key-1")
    bench.provider().jobs[begun.ref.id].script = deque([RemoteState.NEEDS_USER, RemoteState.SUCCEEDED])
    assert (await bench.provider().poll(begun.ref)).state is RemoteState.NEEDS_USER
    found = await bench.provider().find(bench.training(), key="key-1", known=frozenset())
    assert found is not None
    assert found.unfinished
    assert (await bench.provider().submit(bench.training(), key="key-1")).ref == begun.ref
    assert (await bench.provider().poll(begun.ref)).state is RemoteState.SUCCEEDED
    assert bench.created == 1


def test_what_the_claims_call_a_prompt_is_what_a_bench_sends(bench: Bench) -> None:
    for kind in operations(bench):
        spec = wanted(bench, kind)
        assert isinstance(spec, TrainingSpec) or spec.prompt == SECRET_PROMPT


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_provider_adds_no_door_of_its_own(kind: type[Provider[Any]]) -> None:
    if kind is FakeProvider:
        return
    public = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
    assert public == {name for name in dir(Provider) if not name.startswith("_")} | {"name", "Settings"}


def test_the_page_s_provider_is_found_where_the_page_puts_it_and_says_hello(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(block("python"), encoding="utf-8")
    script = re.search(r"<<'RUN'\n(.*)^RUN$", block("sh"), re.MULTILINE | re.DOTALL)
    assert script is not None
    # A second place on the package's path, so that no test writes into the tree.
    run = f"import bot.providers\nbot.providers.__path__.append({str(tmp_path)!r})\n{script.group(1)}"
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", run], cwd=ROOT, capture_output=True, text=True
    )
    assert said.stderr == ""
    assert said.stdout.strip() == "succeeded hello, darkroom"
    assert "prints `succeeded hello, darkroom`" in PAGE.read_text(encoding="utf-8")


def test_every_vendor_has_its_bench_its_tests_and_its_page() -> None:
    for name in ours():
        assert (ROOT / f"tests/providers/test_{name}.py").is_file()
        assert (ROOT / f"tests/providers/{name}/README.md").is_file()
        assert (ROOT / f"docs/providers/{name}.md").is_file()
