"""What a benchmark shows: a table for people, JSON for whoever compares runs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def show(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns; the first is aligned left, the others right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    print(f"\n{title}")
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join(["", first.ljust(widths[0]), *cells]).rstrip())


def spread(values: Sequence[float]) -> str:
    """Return the median and the range of repeated measurements."""
    return f"{number(statistics.median(values))} ({number(min(values))} to {number(max(values))})"


def middle(values: Sequence[float]) -> str:
    """Return the median of many measurements and the range of the middle half of them."""
    low, median, high = statistics.quantiles(values, n=4)
    return f"{number(median)} ({number(low)} to {number(high)})"


def number(value: float) -> str:
    """Return a number as people read it: grouped when it is large, three digits when it is small."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(path: Path | None, result: Mapping[str, Any]) -> None:
    """Write what was measured as JSON, if a file was named."""
    if path is not None:
        path.write_text(json.dumps(result, indent=2) + "\n")
