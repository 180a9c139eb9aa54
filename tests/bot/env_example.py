"""`.env.example`, as the settings themselves would write it: `python -m tests.bot.env_example` does."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from bot.settings import Settings
from tests.vendors import ours

PATH = Path(__file__).parents[2] / ".env.example"
HEAD = """\
# Copy this file to .env and fill in what has no default. The environment wins over the file.
# A line that begins with a # and a name shows the default: take the # away to choose another value.
"""


def expected() -> str:
    """The whole file."""
    parts = [HEAD, *_section("Slack and Darkroom", Settings, "")]
    for name, vendor in ours().items():
        prefix = str(vendor.Settings.model_config.get("env_prefix", "")).upper()
        parts += _section(
            f"Vendor: {name}. Leave the keys empty, and it is not offered", vendor.Settings, prefix
        )
    return "\n".join(parts)


def _section(title: str, settings: type[BaseSettings], prefix: str) -> list[str]:
    lines = [f"# ---- {title} ----", ""]
    for name, field in settings.model_fields.items():
        lines.append(f"# {field.description}")
        variable = f"{prefix}{name.upper()}"
        lines += [f"{variable}=" if field.is_required() else f"#{variable}={_shown(field.default)}", ""]
    return lines


def _shown(default: Any) -> str:
    if default is None or isinstance(default, SecretStr):
        return ""
    if isinstance(default, tuple):
        return ",".join(str(one) for one in default)
    if hasattr(default, "total_seconds"):
        return f"{default.total_seconds():g}"
    return str(default)


if __name__ == "__main__":
    PATH.write_text(expected(), encoding="utf-8")
