"""What is product code, and the room (package folder) that a file of it belongs to."""

from __future__ import annotations

from functools import cache
from pathlib import Path

BASE = Path(__file__).resolve().parents[3]
ROOTS = ("tradedesk", "orders", "brokers")
#: What measures, starts, tests or stands in for others is not on an order's way.
NOT_PRODUCT = ("tradedesk/bench/", "tradedesk/stack/", "brokers/simulator/")
NOT_PRODUCT_FOLDERS = frozenset({"migrations", "tests"})


def product_file(filename: str) -> str:
    """The path of a file of product code, relative to the checkout; empty for any other file."""
    path = Path(filename)
    if not path.is_relative_to(BASE):
        return ""
    relative = path.relative_to(BASE)
    name = relative.as_posix()
    inside = relative.parts[0] in ROOTS and not NOT_PRODUCT_FOLDERS & set(relative.parts)
    return name if inside and not name.startswith(NOT_PRODUCT) else ""


def room_of_file(file: str) -> str:
    """The room of a file: `orders/api/views/orders.py` is in `orders.api`."""
    return room_of_module(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))


@cache
def room_of_module(module: str) -> str:
    """A package below `orders` or `brokers` is a room, and so is a module that stands alone in `orders`.

    What stands in `brokers` itself is one room: the vocabulary that both sides of the port share.
    """
    root, _, rest = module.partition(".")
    second = rest.partition(".")[0]
    if second and (root == "orders" or (BASE / root / second).is_dir()):
        return f"{root}.{second}"
    return root
