"""Which vendors exist, and which of them are configured here.

A vendor is a module of this package without a leading underscore that holds one `Provider`, or one that an
installed package names in the entry-point group `darkroom.providers`. Nothing lists them: a new one is found.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from bot.providers._base import Capabilities, Provider
from bot.providers._settings import ProviderSettings

GROUP = "darkroom.providers"
"""Where installed packages name their vendors."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Unconfigured:
    """A vendor that is not offered, and why."""

    name: str
    missing: tuple[str, ...] = ()
    """Names of the variables to set."""
    wrong: tuple[str, ...] = ()
    """One clause per variable that is set and not usable; none holds a value."""
    untouched: bool = False
    """Nothing of this vendor is set: nobody asked for it, so nobody need be told."""

    @property
    def line(self) -> str:
        """What is the matter and how to mend it, in one line."""
        if self.untouched:
            return f"{self.name} is not set up; to offer it, set {', '.join(self.missing)}."
        parts = [f"set {', '.join(self.missing)}"] if self.missing else []
        parts += self.wrong
        return f"{self.name} is only half set up: {'; '.join(parts)}."


@dataclass(frozen=True, slots=True)
class Broken:
    """A vendor of an installed package that cannot be used, and why."""

    name: str
    package: str
    why: str

    @property
    def line(self) -> str:
        """What is the matter, in one line; nothing of the package's own words stands in it."""
        return f"{self.name} of the package {self.package} is left out: {self.why}."


class _Unfit(Exception):
    """What an entry point leads to is no vendor; the text says why."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Every vendor there is code for, by name in the order of the names, and what cannot be used."""

    kinds: dict[str, type[Provider[Any]]]
    packages: dict[str, str]
    """Which package a vendor came in, where it is none of ours."""
    broken: tuple[Broken, ...] = ()


def discover() -> dict[str, type[Provider[Any]]]:
    """Every vendor there is code for, by name, in the order of the names."""
    return survey().kinds


def survey() -> Survey:
    """Look at our own modules and at what installed packages name.

    A fault of ours is raised. One of a package is noted, and keeps no other vendor from being offered.
    """
    found = _own()
    packages: dict[str, str] = {}
    broken: list[Broken] = []
    for named in sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package(point))):
        name, package = named.name, _package(named)
        if name in found:
            taken = f"there is a vendor of this name already, in {packages.get(name, 'Darkroom itself')}"
            broken.append(Broken(name, package, taken))
            continue
        try:
            found[name], packages[name] = _foreign(named), package
        except _Unfit as error:
            broken.append(Broken(name, package, str(error)))
    return Survey(dict(sorted(found.items())), packages, tuple(broken))


def _own() -> dict[str, type[Provider[Any]]]:
    found: dict[str, type[Provider[Any]]] = {}
    package = importlib.import_module(__name__.rpartition(".")[0])
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        here = _held(module)
        if len(here) != 1 or here[0].name != info.name:
            raise TypeError(f"{module.__name__} must hold exactly one Provider, whose name is {info.name!r}")
        found[info.name] = here[0]
    return found


def _held(module: ModuleType) -> list[type[Provider[Any]]]:
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Provider) and kind.__module__ == module.__name__ and not inspect.isabstract(kind)
    ]


def _foreign(named: EntryPoint) -> type[Provider[Any]]:
    """The vendor an installed package names: a module that holds one, or the class itself. Raises _Unfit."""
    try:
        loaded = named.load()
    except Exception as error:  # Whatever a stranger's module raises must not stop the others.
        raise _Unfit(f"{named.value} cannot be loaded ({type(error).__name__})") from error
    held = _held(loaded) if isinstance(loaded, ModuleType) else [loaded]
    if len(held) != 1 or not _is_provider(held[0]):
        raise _Unfit(f"{named.value} must hold exactly one Provider with every method of the contract")
    kind: type[Provider[Any]] = held[0]
    if not _NAME.fullmatch(named.name) or getattr(kind, "name", None) != named.name:
        raise _Unfit(f"the name of its Provider must be {named.name!r}, in lower-case letters")
    settings = getattr(kind, "Settings", None)
    prefix = f"{named.name.upper()}_"
    if not (isinstance(settings, type) and issubclass(settings, ProviderSettings)):
        raise _Unfit("its Settings must be ProviderSettings")
    if settings.model_config.get("env_prefix") != prefix:
        raise _Unfit(f"the env_prefix of its Settings must be {prefix!r}")
    return kind


def _is_provider(loaded: object) -> bool:
    return isinstance(loaded, type) and issubclass(loaded, Provider) and not inspect.isabstract(loaded)


def _package(named: EntryPoint) -> str:
    return named.dist.name if named.dist is not None else named.module


def load(
    env: Mapping[str, str] | None = None, *, env_file: Path | None = None
) -> tuple[list[Provider[Any]], list[Unconfigured | Broken]]:
    """Build the vendors whose settings are complete, and say of the others what they lack.

    Settings are read here, once: from `env` (by default the process's environment), and beneath it from
    `env_file`. An empty value counts as not set, so that a copied `.env.example` configures nothing. The
    caller closes each provider's `http`.
    """
    values = {name.upper(): value for name, value in _values(env, env_file).items() if value}
    ready: list[Provider[Any]] = []
    known = survey()
    rest: list[Unconfigured | Broken] = list(known.broken)
    for name, kind in known.kinds.items():
        settings = _settings(name, kind.Settings, values)
        if isinstance(settings, Unconfigured):
            rest.append(settings)
        elif name not in known.packages:
            ready.append(kind(settings, kind.client(settings)))
        else:
            try:
                ready.append(_built(kind, settings))
            except _Unfit as error:
                rest.append(Broken(name, known.packages[name], str(error)))
    return ready, rest


def _built(kind: type[Provider[Any]], settings: ProviderSettings) -> Provider[Any]:
    """A stranger's vendor, which must at least say what it can do. Raises _Unfit."""
    try:
        built = kind(settings, kind.client(settings))
        able = built.capabilities
    except Exception as error:
        raise _Unfit(f"it cannot be built with its settings ({type(error).__name__})") from error
    if not isinstance(able, Capabilities):
        raise _Unfit("its capabilities are not those of the contract")
    return built


def _values(env: Mapping[str, str] | None, env_file: Path | None) -> dict[str, str | None]:
    below = dotenv_values(env_file, encoding="utf-8") if env_file is not None else {}
    above = os.environ if env is None else env
    return {**below, **{name: value for name, value in above.items() if value}}


def _settings(
    name: str, kind: type[ProviderSettings], values: Mapping[str, str | None]
) -> ProviderSettings | Unconfigured:
    prefix = str(kind.model_config.get("env_prefix", "")).upper()
    fields = {prefix + field.upper(): field for field in kind.model_fields}
    ours = {variable: value for variable, value in values.items() if variable.startswith(prefix)}
    required = tuple(v for v, field in fields.items() if kind.model_fields[field].is_required())
    if required and not ours:
        return Unconfigured(name, required, untouched=True)
    wrong = [
        f"{variable} is no setting, {close[0]} is"
        for variable in sorted(ours.keys() - fields.keys())
        if (close := difflib.get_close_matches(variable, fields.keys() - ours.keys(), n=1, cutoff=0.9))
    ]
    missing = tuple(variable for variable in required if variable not in ours)
    chosen: dict[str, Any] = {field: ours[variable] for variable, field in fields.items() if variable in ours}
    settings = None
    try:
        settings = kind(**chosen)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_context=False, include_url=False):
            if fault["type"] != "missing":
                variable = prefix + str(fault["loc"][0]).upper() if fault["loc"] else name
                wrong.append(f"{variable}: {fault['msg'].removeprefix('Value error, ')}")
    if settings is None or wrong:
        return Unconfigured(name, missing, tuple(wrong))
    return settings
