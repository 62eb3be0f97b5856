"""`python -m brokers.simulator`: the simulated gateway without Django."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser

from brokers.simulator.app import StartError, add_arguments, run


def main() -> int:
    parser = ArgumentParser(prog="python -m brokers.simulator", description="Simulated IB Gateway")
    add_arguments(parser)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        run(parser.parse_args(), lambda text: print(text, flush=True))
    except StartError as error:
        print(f"simgateway: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
