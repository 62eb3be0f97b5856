"""The published figures are those of a measurement."""

from __future__ import annotations

from tradedesk.bench.targets import TARGETS
from tradedesk.management.commands.drawperformance import PATH, first_screen, redrawn

LATENCY = {
    "at": "2026-11-28",
    "machine": {"cores": 2, "processor": "X", "load_before": 0.1},
    "runs": 5,
    "targets": {
        target.name: {"target": 3, "median": 4.5, "least": 4.0, "most": 5.0, "met": False, "times": 1.5}
        for target in TARGETS["latency"]
    },
}
PEERS = {
    "at": "2026-11-28",
    "orders": 200,
    "machine": LATENCY["machine"],
    "found": {
        name: {"call_to_wire_ms": {"p50": p50, "p99": 9}, "fill_to_known_ms": {"p50": p50, "p99": 9}}
        for name, p50 in (("bare_ib_async", 0.5), ("tradedesk", 6.25))
    },
}


def test_the_first_screen_is_drawn_from_the_file() -> None:
    text = PATH.read_text()
    assert text == redrawn(text), "run `manage.py drawperformance`"


def test_a_figure_stands_beside_its_target_with_its_range() -> None:
    drawn = first_screen({"latency": LATENCY})
    assert "| fill sent to stored, p50 ms | 4.5 [4..5] | at most 3 | **missed 1.50 times** |" in drawn
    assert "`bench latency --runs 5` of 2026-11-28, load before 0.1" in drawn


def test_peers_stand_side_by_side_in_table_and_picture() -> None:
    drawn = first_screen({"latency": LATENCY, "peers": PEERS})
    assert "| Tradedesk: checked, recorded, followed | 6.2 / 9.0 | 6.2 / 9.0 |" in drawn
    assert "bar [0.50, 6.25, 0.50, 6.25]" in drawn
