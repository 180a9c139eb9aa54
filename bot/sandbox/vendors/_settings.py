"""The settings of a stand-in: turned while it runs, kept over a restart.

They are a pydantic dataclass with `STRICT` as its config; the type of a field says which values it takes.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bot.sandbox.vendors._state import Json, Pulse, Values

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

S = TypeVar("S")


class Dial(Generic[S]):
    """Holds the settings as they are now. `kind` is their dataclass; a new state begins with its defaults."""

    def __init__(self, kind: type[S], values: Values, pulse: Pulse) -> None:
        assert is_dataclass(kind)
        self._adapter: TypeAdapter[S] = TypeAdapter(kind)
        self._names = {item.name for item in fields(kind)}
        self._values = values
        self._pulse = pulse
        # A setting that an older state knew, and this code does not, is no reason not to start.
        kept = {name: value for name, value in values.all().items() if name in self._names}
        self.now: S = self._validated(kept)

    def turn(self, changes: Mapping[str, Json]) -> S:
        """Change some, for good; whoever waits looks again.

        Raises:
            ValueError: an unknown name or a value of the wrong kind.
        """
        unknown = sorted(set(changes) - self._names)
        if unknown:
            raise ValueError(f"There is no setting named {', '.join(unknown)}.")
        self.now = self._validated({**_plain(self.now), **changes})
        plain = _plain(self.now)
        for name in changes:
            self._values.put(name, plain[name])
        self._pulse.stir()
        return self.now

    def _validated(self, given: Mapping[str, Json]) -> S:
        try:
            return self._adapter.validate_python(dict(given))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = first["loc"][0]
            raise ValueError(f"{given[str(name)]!r} is no value for {name}: {first['msg']}.") from None


def _plain(settings: Any) -> dict[str, Any]:
    return asdict(settings)
