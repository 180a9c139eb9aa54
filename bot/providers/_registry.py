"""Which vendors exist, and which of them are configured here.

A vendor is a module of this package without a leading underscore that holds one `Provider`. Nothing lists
them: a new file is found.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from bot.providers._base import Provider, ProviderSettings


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


def discover() -> dict[str, type[Provider[Any]]]:
    """Every vendor there is code for, by name, in the order of the names."""
    found: dict[str, type[Provider[Any]]] = {}
    package = importlib.import_module(__name__.rpartition(".")[0])
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        here = [
            kind
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, Provider)
            and kind.__module__ == module.__name__
            and not inspect.isabstract(kind)
        ]
        if len(here) != 1 or here[0].name != info.name:
            raise TypeError(f"{module.__name__} must hold exactly one Provider, whose name is {info.name!r}")
        found[info.name] = here[0]
    return dict(sorted(found.items()))


def load(
    env: Mapping[str, str] | None = None, *, env_file: Path | None = None
) -> tuple[list[Provider[Any]], list[Unconfigured]]:
    """Build the vendors whose settings are complete, and say of the others what they lack.

    Settings are read here, once: from `env` (by default the process's environment), and beneath it from
    `env_file`. An empty value counts as not set, so that a copied `.env.example` configures nothing. The
    caller closes each provider's `http`.
    """
    values = {name.upper(): value for name, value in _values(env, env_file).items() if value}
    ready: list[Provider[Any]] = []
    rest: list[Unconfigured] = []
    for name, kind in discover().items():
        settings = _settings(name, kind.Settings, values)
        if isinstance(settings, Unconfigured):
            rest.append(settings)
        else:
            ready.append(kind(settings, kind.client(settings)))
    return ready, rest


def _values(env: Mapping[str, str] | None, env_file: Path | None) -> dict[str, str | None]:
    below = dotenv_values(env_file, encoding="utf-8") if env_file is not None else {}
    return {**below, **(os.environ if env is None else env)}


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
