"""The documentation says the same as the code; what it promises exists."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

from bot.services import Services
from bot.services.inbox import InboxRunner
from bot.services.outbox import OutboxRunner
from bot.services.polling import Poller
from bot.services.runner import JobRunner
from bot.services.submitting import Submitter
from bot.settings import Settings
from handlers.manifest import EVENTS, SCOPES, manifest
from storage import records
from storage.records.jobs import TRANSITIONS
from storage.schema import metadata
from tests.vendors import ours

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
OURS = [page for page in PAGES if not page.is_relative_to(DOCS / "providers")]
"""Without the pages that name files which the reader is to write."""
CODE = sorted(path for top in ("bot", "handlers", "storage") for path in (ROOT / top).rglob("*.py"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def _rows(page: str) -> dict[str, str]:
    """The rows of a page's tables, by what stands in backticks at their beginning."""
    return dict(re.findall(r"^\| `([^`]+)` \|(.*)$", _read(DOCS / page), re.MULTILINE))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", _read(page), flags=re.DOTALL), re.MULTILINE)
    bare = (re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in bare}


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", "-n", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


# -- settings


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_explained_with_its_default(name: str) -> None:
    field, rows = Settings.model_fields[name], _rows("configuration.md")
    assert name.upper() in rows
    default, meaning = (cell.strip() for cell in rows[name.upper()].split("|")[:2])
    unwritten = {None: {"made once", "none"}, "": {"nobody", "none"}}
    expected = {"required"} if field.is_required() else unwritten.get(field.default, {f"`{field.default}`"})
    assert default in expected
    assert meaning.endswith(".")


def test_no_setting_is_explained_that_does_not_exist() -> None:
    assert set(_rows("configuration.md")) == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", ours())
def test_every_vendor_has_a_page_that_names_each_of_its_settings(name: str) -> None:
    page, kind = DOCS / "providers" / f"{name}.md", ours()[name].Settings
    text = _read(page)
    prefix = str(kind.model_config.get("env_prefix", ""))
    missing = [field for field in kind.model_fields if f"`{prefix}{field.upper()}`" not in text]
    assert not missing
    assert f"providers/{name}.md" in _read(DOCS / "configuration.md")
    assert f"providers/{name}.md" in _read(DOCS / "index.md")


# -- words


def _nouns() -> list[str]:
    modules = [
        importlib.import_module(f"{records.__name__}.{one.name}")
        for one in pkgutil.iter_modules(records.__path__)
    ]
    here = [
        name
        for module in modules
        for name, thing in inspect.getmembers(module, inspect.isclass)
        if thing.__module__ == module.__name__
    ]
    services = [
        hint if isinstance(hint, str) else hint.__name__ for hint in Services.__annotations__.values()
    ]
    runners = [kind.__name__ for kind in (JobRunner, Submitter, Poller, InboxRunner, OutboxRunner)]
    return sorted({*here, *services, *runners})


@pytest.mark.parametrize("noun", _nouns())
def test_every_record_enumeration_and_service_is_in_the_glossary(noun: str) -> None:
    assert f"`{noun}`" in _read(DOCS / "glossary.md")


def test_the_glossary_names_no_class_that_does_not_exist() -> None:
    named = set(re.findall(r"`([A-Z]\w+)`", _read(DOCS / "glossary.md")))
    assert named <= set(_nouns())


def test_the_architecture_page_has_every_table_and_every_state() -> None:
    page, drawing = _read(DOCS / "architecture.md"), _read(DOCS / "images" / "job.svg")
    assert {name for name in metadata.tables if f"| `{name}` |" not in page} == set()
    assert {state for state in TRANSITIONS if f">{state.value}<" not in drawing} == set()
    letters = set(re.findall(r'class="letter"[^>]*>(\w)<', drawing))
    assert letters == set(re.findall(r"^- \*\*(\w)\*\* ", page, re.MULTILINE))


def test_the_architecture_page_names_every_tick() -> None:
    started = re.findall(r'Tick\("(\w+)"', _read(ROOT / "bot" / "wiring.py"))
    sentence = re.search(
        r"The clock has (\w+) ticks: (.*?)\. Each", _read(DOCS / "architecture.md"), re.DOTALL
    )
    assert sentence is not None
    assert set(re.findall(r"`(\w+)`", sentence[2])) == set(started)
    assert sentence[1] == {5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}[len(started)]


@pytest.mark.parametrize("word", [*SCOPES, *EVENTS])
def test_every_scope_and_event_has_its_reason(word: str) -> None:
    assert f"`{word}`" in _read(DOCS / "slack.md")


def test_every_word_of_the_command_is_in_the_readme() -> None:
    hint = manifest("/darkroom")["features"]["slash_commands"][0]["usage_hint"]
    assert {
        word for word in hint.split(" | ") if f"`/darkroom {word}`" not in _read(ROOT / "README.md")
    } == set()


# -- links and commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_linked_exists(page: Path) -> None:
    broken = []
    for target in LINK.findall(re.sub(r"```.*?```", "", _read(page), flags=re.DOTALL)):
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        outside = re.match(r"\w+:", target)
        if not outside and (not file.exists() or (anchor and anchor not in _anchors(file))):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", OURS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`([\w./]+\.py)`", _read(page))
    assert [path for path in named if not any((ROOT / top / path).exists() for top in ("", "bot"))] == []


def test_every_page_can_be_reached_from_the_index() -> None:
    seen, ahead = set(), [DOCS / "index.md"]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [target.split("#")[0] for target in LINK.findall(_read(page)) if ":" not in target]
        ahead += [(page.parent / target).resolve() for target in targets if target.endswith(".md")]
    assert {page for page in PAGES if page not in seen} == set()


def test_every_make_target_that_the_documentation_names_exists() -> None:
    named = {target for page in PAGES for target in re.findall(r"\bmake ([a-z]+)\b", _code_of(_read(page)))}
    assert {"demo", "test", "clean"} <= named
    refused = {target: answer.stderr for target in named if (answer := _make(target)).returncode}
    assert refused == {}


def _code_of(text: str) -> str:
    return "\n".join([*re.findall(r"```.*?```", text, re.DOTALL), *re.findall(r"`[^`\n]+`", text)])


def test_the_first_thing_the_readme_tells_to_type_is_true() -> None:
    lines = _code_blocks(_read(ROOT / "README.md"), "sh")[0].splitlines()
    assert lines == ["make demo", "make test"]
    demo, suite = (_make(*line.split()[1:]) for line in lines)
    assert (demo.returncode, suite.returncode) == (0, 0)
    assert "-m bot demo" in demo.stdout
    assert "pytest" in suite.stdout


@pytest.mark.parametrize("variable", ["ONCE=1", "VENDOR=name", "PHOTOS=folder"])
def test_the_demo_heeds_what_the_readme_says_it_heeds(variable: str) -> None:
    name = variable.split("=")[0].lower()
    assert f"`make demo {variable}`" in _read(ROOT / "README.md")
    assert f"--{name}" in _make("demo", variable).stdout


def test_ci_runs_what_the_readme_tells_people_to_run() -> None:
    commands = [line for line in _read(ROOT / ".ci" / "run").splitlines() if line.startswith("make")]
    assert commands == ["make test </dev/null", "make demo ONCE=1 </dev/null"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


# -- the code's own words


@pytest.mark.parametrize("module", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_in_a_sentence(module: Path) -> None:
    first = (ast.get_docstring(ast.parse(_read(module))) or "").split("\n\n")[0]
    assert first
    assert first.rstrip()[-1] in ".:`"


def test_the_changelog_names_the_version() -> None:
    version = tomllib.loads(_read(ROOT / "pyproject.toml"))["project"]["version"]
    assert re.search(
        rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", _read(ROOT / "CHANGELOG.md"), re.MULTILINE
    )


def test_the_image_needs_nothing_that_is_not_locked() -> None:
    """Every part of the build backend that the Dockerfile picks is in the lock, under that name."""
    picked = re.search(r"sed -n '/\^\\\((.*?)\\\)==", _read(ROOT / "Dockerfile"))
    assert picked is not None
    lock = _read(ROOT / "requirements-dev.txt")
    assert [name for name in picked[1].split(r"\|") if not re.search(rf"^{name}==", lock, re.MULTILINE)] == []
