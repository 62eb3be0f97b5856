"""`python -m tests.benchmarks.peers`."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")
django.setup()

from tests.benchmarks.peers.run import main  # noqa: E402 - settings first

main()
