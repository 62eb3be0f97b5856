"""Others beside us: what a market order takes from the call to the gateway, and back, in the same hour.

`python -m tests.benchmarks.peers` measures each against a simulated gateway of its own and prints one JSON
document with ratios. No part of `make test`: peers live in virtual environments of their own, made once
(`--venvs`), with the versions pinned in `run.py`.
"""
