"""The same claims of every vendor there is, of the fake, and of the one in the documentation."""

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
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.providers import (
    Finding,
    NotFound,
    OutcomeUnknown,
    PermanentError,
    Provider,
    ProviderError,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    TransientError,
)
from tests.fakes import FakeProvider, Fault
from tests.providers.bench import SECRET_PROMPT, Bench, FakeBench, Refusal, Word
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


def benches() -> dict[str, type[Bench]]:
    found: dict[str, type[Bench]] = {"fake": FakeBench, "hello (documentation)": HelloBench}
    for name in benched():
        found[name] = importlib.import_module(f"tests.providers.{name}.bench").bench
    return found


BENCHES = benches()
FAULTY = {name: kind for name, kind in BENCHES.items() if kind.faulty}
KINDS = {"fake": FakeProvider, **benched()}


@pytest.fixture(params=list(BENCHES.values()), ids=list(BENCHES))
def bench(request: pytest.FixtureRequest) -> Bench:
    return request.param()


@pytest.fixture(params=list(FAULTY.values()), ids=list(FAULTY))
def faulty(request: pytest.FixtureRequest) -> Bench:
    return request.param()


async def trained(bench: Bench) -> RemoteJob:
    provider = bench.provider()
    begun = await provider.submit(bench.training(), key="key-1")
    bench.finish()
    return await provider.poll(begun.ref)


async def generated(bench: Bench) -> RemoteJob:
    model = await trained(bench)
    assert model.model_id is not None
    begun = await bench.provider().generate(bench.generation(model.model_id), key="key-2")
    bench.finish()
    return await bench.provider().poll(begun.ref)


async def raised(bench: Bench, fault: Fault) -> ProviderError:
    bench.order(fault)
    with pytest.raises(ProviderError) as caught:
        await bench.provider().submit(bench.training(), key="key-1")
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
    assert starts
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


async def test_a_healthy_vendor_passes_its_check(bench: Bench) -> None:
    assert await bench.provider().check() is None


async def test_what_was_just_submitted_is_open_and_has_an_id(bench: Bench) -> None:
    begun = await bench.provider().submit(bench.training(), key="key-1")
    assert begun.ref.kind == "training"
    assert begun.ref.id
    assert begun.state in {RemoteState.QUEUED, RemoteState.RUNNING}
    assert not begun.artifacts


async def test_a_finished_training_names_its_model(bench: Bench) -> None:
    done = await trained(bench)
    assert done.state is RemoteState.SUCCEEDED
    assert done.model_id
    assert done.progress is None or 0 <= done.progress <= 1
    assert not done.tentative
    assert json.loads(json.dumps(dict(done.details)))


async def test_an_open_job_is_not_finished_before_the_vendor_says_so(faulty: Bench) -> None:
    begun = await faulty.provider().submit(faulty.training(), key="key-1")
    told = await faulty.provider().poll(begun.ref)
    assert told.state in {RemoteState.QUEUED, RemoteState.RUNNING}
    assert told.ref.id == begun.ref.id


async def test_pictures_made_with_a_model_are_images_and_as_many_as_named(bench: Bench) -> None:
    done = await generated(bench)
    assert done.state is RemoteState.SUCCEEDED
    locators = [artifact.locator for artifact in done.artifacts]
    wanted = bench.provider().capabilities.generation
    assert wanted is not None
    # A clip comes with its cover.
    assert len(set(locators)) == len(locators) >= wanted.count_max
    for artifact in done.artifacts:
        data = b"".join([piece async for piece in bench.provider().fetch(done.ref, artifact)])
        assert RESULTS.match(data)


async def test_locators_stay_the_same_from_poll_to_poll(bench: Bench) -> None:
    done = await generated(bench)
    again = await bench.provider().poll(done.ref)
    assert again.artifacts == done.artifacts


async def test_a_fresh_process_goes_on_where_the_old_one_stopped(bench: Bench) -> None:
    begun = await bench.provider().submit(bench.training(), key="key-1")
    bench.finish()
    stored = RemoteRef.model_validate_json(begun.ref.model_dump_json())
    assert (await bench.provider().poll(stored)).state is RemoteState.SUCCEEDED


async def test_cancel_and_delete_say_whether_they_could(bench: Bench) -> None:
    begun = await bench.provider().submit(bench.training(), key="key-1")
    assert await bench.provider().cancel(begun.ref) in {True, False}
    assert await bench.provider().delete(begun.ref) in {True, False}


async def test_nothing_is_found_where_nothing_was_made(bench: Bench) -> None:
    spec = bench.training()
    assert await bench.provider().find(spec, key="key-1", known=frozenset()) is None


@pytest.mark.parametrize("kind", ["training", "generation"])
async def test_a_job_whose_answer_was_lost_is_found_and_not_paid_again(faulty: Bench, kind: str) -> None:
    model = await trained(faulty)
    assert model.model_id is not None
    before = faulty.created
    provider = faulty.provider()
    able = provider.capabilities
    operation = able.training if kind == "training" else able.generation
    assert operation is not None
    assert operation.idempotent
    spec = faulty.training() if kind == "training" else faulty.generation(model.model_id)
    faulty.order(Fault.CREATED)
    with pytest.raises(OutcomeUnknown):
        await (provider.submit if kind == "training" else provider.generate)(spec, key="key-9")
    found = await faulty.provider().find(spec, key="key-9", known=frozenset({model.ref.id}))
    assert found is not None
    assert found.ref.kind == kind
    assert faulty.created == before + 1
    faulty.finish()
    assert (await faulty.provider().poll(found.ref)).state is RemoteState.SUCCEEDED
    # Once it is ours it is not offered again.
    known = frozenset({model.ref.id, found.ref.id})
    assert await faulty.provider().find(spec, key="key-9", known=known) is None


async def test_another_key_finds_nothing(faulty: Bench) -> None:
    begun = await faulty.provider().submit(faulty.training(), key="key-1")
    # Where the vendor keeps no key of ours, only what our tables say keeps two jobs apart.
    known = frozenset() if faulty.keyed else frozenset({begun.ref.id})
    assert await faulty.provider().find(faulty.training(), key="key-2", known=known) is None


async def test_a_lost_call_that_made_nothing_is_unknown_and_not_found(faulty: Bench) -> None:
    assert isinstance(await raised(faulty, Fault.LOST), OutcomeUnknown)
    assert faulty.created == 0
    assert await faulty.provider().find(faulty.training(), key="key-1", known=frozenset()) is None


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.DOWN])
async def test_a_busy_or_unreachable_vendor_has_started_nothing(faulty: Bench, fault: Fault) -> None:
    error = await raised(faulty, fault)
    assert isinstance(error, TransientError)
    assert faulty.created == 0
    assert (error.retry_after is not None) == (fault is Fault.BUSY)


async def test_a_refusal_is_final_and_has_started_nothing(faulty: Bench) -> None:
    assert isinstance(await raised(faulty, Fault.REFUSED), PermanentError)
    assert faulty.created == 0


@pytest.mark.parametrize("kind", ["training", "generation"])
async def test_a_job_the_vendor_does_not_know_is_no_success(faulty: Bench, kind: str) -> None:
    with contextlib.suppress(NotFound):
        told = await faulty.provider().poll(RemoteRef(kind=kind, id="99999"))
        assert told.state is RemoteState.FAILED
        assert told.tentative


@pytest.mark.parametrize(
    "fault", [one for one in Fault if one is not Fault.HALF], ids=lambda fault: fault.name
)
async def test_no_error_tells_a_key_a_prompt_or_a_link(faulty: Bench, fault: Fault) -> None:
    model = await trained(faulty)
    assert model.model_id is not None
    for call, spec in (
        (faulty.provider().submit, faulty.training()),
        (faulty.provider().generate, faulty.generation(model.model_id)),
    ):
        faulty.order(fault)
        with pytest.raises(ProviderError) as caught:
            await call(spec, key="key-9")
        told = "".join(traceback.format_exception(caught.value)) + caught.value.detail
        assert not [secret for secret in faulty.secrets() if secret in told]


# -- every vendor's words, written from its page and not from its provider


async def begun(bench: Bench, kind: str) -> RemoteRef:
    """A job of a kind, just started."""
    provider = bench.provider()
    if kind == "training":
        return (await provider.submit(bench.training(), key="key-1")).ref
    if kind == "oneshot":
        wanted = bench.oneshot()
        assert wanted is not None
        return (await provider.oneshot(wanted, key="key-3")).ref
    model = await trained(bench)
    assert model.model_id is not None
    return (await provider.generate(bench.generation(model.model_id), key="key-2")).ref


def each(claims: str) -> list[Any]:
    """Every claim of a kind that any vendor's bench makes, with its bench."""
    found = []
    for name in benched():
        made = getattr(BENCHES[name](), claims)()
        assert made, f"the bench of {name} has no {claims}()"
        found += [pytest.param(BENCHES[name], one, id=f"{name}-{one}") for one in made]
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


@pytest.mark.parametrize("name", benched())
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


@pytest.mark.parametrize(("kind", "refusal"), each("refusals"))
async def test_every_documented_error_is_named_by_what_happens_next(
    kind: type[Bench], refusal: Refusal
) -> None:
    bench = kind()
    model = await trained(bench)
    assert model.model_id is not None
    made, alone = bench.generation(model.model_id), bench.oneshot()
    calls: list[tuple[Callable[[], Awaitable[Any]], type[ProviderError], bool]] = [
        (lambda: bench.provider().check(), refusal.asking, False),
        (lambda: bench.provider().submit(bench.training(), key="key-9"), refusal.starting, True),
        (lambda: bench.provider().generate(made, key="key-8"), refusal.starting, True),
    ]
    if alone is not None:
        calls.append((lambda: bench.provider().oneshot(alone, key="key-7"), refusal.starting, True))
    for call, expected, starting in calls:
        bench.refuse(refusal, starting=starting)
        with pytest.raises(ProviderError) as caught:
            await call()
        assert type(caught.value) is expected
        assert refusal.words in str(caught.value)
        told = "".join(traceback.format_exception(caught.value)) + caught.value.detail
        assert not [secret for secret in bench.secrets() if secret in told]


# -- what only some vendors have, which the fake has all of


async def test_what_a_vendor_does_not_have_is_quiet_and_harmless(bench: Bench) -> None:
    provider = bench.provider()
    begun = await provider.submit(bench.training(), key="key-1")
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
    inputs = bench.training().inputs
    found = await bench.provider().inspect(inputs)
    able = bench.provider().capabilities.training
    assert able is not None
    assert len(found) == (len(inputs) if able.inspects else 0)
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
    assert bench.generation("m").prompt == SECRET_PROMPT


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
