# SPDX-License-Identifier: GPL-2.0
"""Formats the results of bench.py: tables for terminals and Markdown, and an HTML page with bars."""
import html
from pathlib import Path

COLOURS = {"stock": "#999", "c": "#36c", "rust": "#c63"}


def number(value) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 100 else f"{value:.0f}"


def share(results: dict, scenario: str, metric: str, of: str, to: str) -> str:
    a, b = (results.get(driver, {}).get(scenario, {}).get(metric) for driver in (of, to))
    if a is None or b is None:
        return "-"
    return f"{a / b:.2g}" if b else "1" if not a else "more"


def rows(results: dict, metrics):
    """Yields the scenario and metric of each row that at least one driver has."""
    scenarios = dict.fromkeys(name for one in results.values() for name in one)
    for scenario in scenarios:
        for metric in metrics:
            if any(metric in one.get(scenario, {}) for one in results.values()):
                yield scenario, metric


def _markdown(lines: list, left: int) -> str:
    """Formats lines of cells as a Markdown table; the first columns are text, the others numbers."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [" | ".join(cell.ljust(width) if column < left else cell.rjust(width)
                       for column, (cell, width) in enumerate(zip(line, widths)))
            for line in lines]
    rule = "|".join("-" * (width + 2) if column < left else "-" * (width + 1) + ":"
                    for column, width in enumerate(widths))
    return "\n".join([f"| {text[0]} |", f"|{rule}|", *(f"| {line} |" for line in text[1:])])


def table(results: dict, metrics) -> str:
    """Returns a table with a row for each scenario and metric."""
    lines = [["scenario", "per step", *results, "c/stock", "rust/c"]]
    for scenario, metric in rows(results, metrics):
        lines.append([scenario, metric,
                      *(number(one.get(scenario, {}).get(metric)) for one in results.values()),
                      share(results, scenario, metric, "c", "stock"),
                      share(results, scenario, metric, "rust", "c")])
    return _markdown(lines, 2)


def short(value) -> str:
    """Formats a number with three digits and a unit."""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.3g}"


def summary(results: dict, metrics) -> str:
    """Returns a row for each scenario: stock, then C; and Rust's instructions as a share of C's."""
    lines = [["scenario", *metrics, "rust/c"]]
    for scenario in dict.fromkeys(scenario for scenario, _ in rows(results, metrics)):
        stock, ours = (results.get(driver, {}).get(scenario, {}) for driver in ("stock", "c"))
        lines.append([scenario,
                      *(f"{short(stock[metric])} → {short(ours[metric])}"
                        if metric in stock and metric in ours else "-" for metric in metrics),
                      share(results, scenario, metrics[0], "rust", "c")])
    return _markdown(lines, 1)


def write(path: Path, results: dict, missed: list, metrics) -> None:
    """Writes an HTML page with a bar per driver for every row."""
    parts = ["<!doctype html><meta charset=utf-8><title>virtgpu: costs</title>",
             "<style>body{font:14px sans-serif;max-width:60em;margin:2em auto}"
             "div.bar{height:1em;margin:1px 0;min-width:1px}"
             "div.row{display:grid;grid-template-columns:4em 1fr 8em;gap:.5em}</style>",
             "<h1>Costs per step</h1>"]
    parts += [f"<p>Missed: {html.escape(line)}" for line in missed]
    last = None
    for scenario, metric in rows(results, metrics):
        if scenario != last:
            parts.append(f"<h2>{html.escape(scenario)}</h2>")
            last = scenario
        values = {driver: one.get(scenario, {}).get(metric) for driver, one in results.items()}
        most = max((value for value in values.values() if value), default=1)
        parts.append(f"<h3>{metric}</h3>")
        for driver, value in values.items():
            width = 100 * (value or 0) / most
            parts.append(f"<div class=row><span>{driver}</span><div><div class=bar style='width:"
                         f"{width:.2f}%;background:{COLOURS.get(driver, '#666')}'></div></div>"
                         f"<span>{number(value)}</span></div>")
    path.write_text("\n".join(parts) + "\n")
