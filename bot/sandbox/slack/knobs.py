"""The knobs somebody turned while it ran, kept over a restart."""

from collections.abc import Mapping
from typing import Any

from bot.sandbox.slack.database import Database
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.settings import Settings

KIND = "setting"


class Knobs:
    """Hands on the settings. What was turned by hand goes before what a start is given."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        for name, kept in database.load(KIND):
            # A knob that an older workspace knew, and this code does not, is no reason not to start.
            if name in Settings.model_fields:
                setattr(settings, name, kept["value"])

    def turn(self, changes: Mapping[str, Any]) -> Settings:
        """Turn some, for good; all of them or none."""
        for name in changes:
            if name not in Settings.model_fields:
                raise Refused("unknown_setting", setting=name)
        turned = Settings.model_validate(self._settings.model_dump() | dict(changes))
        plain = turned.model_dump(mode="json")
        with self._database.together():
            for name in changes:
                self._database.save(KIND, name, {"value": plain[name]})
        for name in changes:
            setattr(self._settings, name, getattr(turned, name))
        return self._settings

    def follow_manifest(self, *, home_tab: bool, messages_tab: bool) -> None:
        """The app's own page decides about its tabs, whatever was turned before."""
        for name, value in (("home_tab_enabled", home_tab), ("messages_tab_enabled", messages_tab)):
            self._database.delete(KIND, name)
            setattr(self._settings, name, value)
