"""Tables and charts: what a message may show as data."""

from typing import Any

from bot.sandbox.slack.block_parts import BLOCK, RICH_TEXT
from bot.sandbox.slack.blocks import (
    Report,
    Rule,
    anything,
    array,
    both,
    choice,
    flag,
    integer,
    number,
    objects,
    one_of,
    shape,
    string,
    unique,
)

CELLS: dict[str, Rule] = {
    "raw_text": shape({"type": anything, "text": string(3000)}),
    "raw_number": shape({"type": anything, "value": number}, {"text": string(3000)}),
    "rich_text": RICH_TEXT,
}
COLUMN = shape({}, {"align": one_of("left", "center", "right"), "is_wrapped": flag})


def _column(value: Any, pointer: str, report: Report) -> None:
    if value is not None:
        COLUMN(value, pointer, report)


def _rectangular(value: Any, pointer: str, report: Report) -> None:
    """A data table's rows are of one length, and its header is plain."""
    rows = value.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            report.add(f"{pointer}/rows/{index}", "must have as many cells as the header")
    for index, cell in enumerate(rows[0] if rows else ()):
        if isinstance(cell, dict) and cell.get("type") == "rich_text":
            report.add(f"{pointer}/rows/0/{index}/type", "unsupported type: rich_text")


SEGMENT_NAME = string(20)
SERIES = shape(
    {
        "name": SEGMENT_NAME,
        "data": array(shape({"label": SEGMENT_NAME, "value": number}), 20),
    }
)
AXES = shape({"categories": array(SEGMENT_NAME, 20)}, {"x_label": string(50), "y_label": string(50)})
PIE = shape({"type": anything, "segments": array(shape({"label": SEGMENT_NAME, "value": number}), 6)})


def _plotted(value: Any, pointer: str, report: Report) -> None:
    """A series has a point for each category, and for nothing else."""
    shape({"type": anything, "series": array(SERIES, 6), "axis_config": AXES})(value, pointer, report)
    unique("name", lambda chart: objects(chart.get("series")))(value, f"{pointer}/series", report)
    axes = value.get("axis_config")
    categories = axes.get("categories") if isinstance(axes, dict) else None
    if not isinstance(categories, list):
        return
    for index, series in enumerate(objects(value.get("series"))):
        labels = [point.get("label") for point in objects(series.get("data"))]
        if sorted(map(str, labels)) != sorted(map(str, categories)):
            report.add(f"{pointer}/series/{index}/data", "must have one point for each category")


CHART = choice({"pie": PIE, "bar": _plotted, "area": _plotted, "line": _plotted})
CHART_BLOCK = shape({"type": anything, "title": string(50), "chart": CHART}, BLOCK)
TABLE = shape(
    {"type": anything, "rows": array(array(choice(CELLS), 20), 100)},
    BLOCK | {"column_settings": array(_column, 20)},
)
DATA_TABLE = both(
    shape(
        {
            "type": anything,
            "caption": string(3000),
            "rows": array(array(choice(CELLS), 20), 101, 2),
        },
        BLOCK | {"page_size": integer(1, 100), "row_header_column_index": integer(0, 19)},
    ),
    _rectangular,
)
