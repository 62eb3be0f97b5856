"""The dashboard file without Grafana: what each panel's queries come to, and a page that draws them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.stack.prometheus import Prometheus, step
from tradedesk.env import BASE_DIR

FILE = BASE_DIR / "deploy/grafana/dashboards/tradedesk.json"
PANELS: list[dict[str, Any]] = json.loads(FILE.read_text())["panels"]
PAGE = Path(__file__).with_name("grafana.html")


def legend(template: str, labels: dict[str, str]) -> str:
    """A series' name: Grafana's `{{label}}`, empty for a label that the series does not have."""
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), template)


def color(panel: dict[str, Any], label: str) -> str | None:
    """The fixed color that the panel gives to a series; None where Grafana chooses one."""
    config = panel["fieldConfig"]
    chosen = config["defaults"].get("color", {}).get("fixedColor")
    for override in config["overrides"]:
        if re.search(override["matcher"]["options"].strip("/"), label):
            chosen = override["properties"][0]["value"]["fixedColor"]
    return chosen


def lines(panel: dict[str, Any], watcher: Prometheus, *, begin: float, until: float) -> list[dict[str, Any]]:
    """A panel's series, each with its name, its color and its points (milliseconds since 1970, value)."""
    found = [
        (legend(target["legendFormat"], series["metric"]), series["values"])
        for target in panel["targets"]
        for series in watcher.over_time(target["expr"], begin=begin, until=until)
    ]
    return [
        {
            "label": label,
            "color": color(panel, label),
            "data": [{"x": at * 1000, "y": float(value)} for at, value in values],
        }
        for label, values in found
    ]


def page(watcher: Prometheus, *, begin: float, until: float) -> str:
    """HTML of the whole dashboard; it needs Chart.js beside it."""
    drawn = [
        {
            "title": panel["title"],
            "type": panel["type"],
            "unit": panel["fieldConfig"]["defaults"]["unit"],
            "place": panel["gridPos"],
            "lines": lines(panel, watcher, begin=begin, until=until),
        }
        for panel in PANELS
    ]
    facts = {"panels": drawn, "begin": begin * 1000, "until": until * 1000, "step": step(begin, until) * 1000}
    return PAGE.read_text().replace("__FACTS__", json.dumps(facts))
