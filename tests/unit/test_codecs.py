"""A process knows its codecs though it can open nothing."""

from __future__ import annotations

import subprocess
import sys

from tradedesk.conf.codecs_at_hand import KNOWN
from tradedesk.env import BASE_DIR

WITHOUT_DESCRIPTORS = """
import codecs, resource
import tradedesk.settings
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
for name in {names}:
    codecs.lookup(name)
print("known")
"""


def test_a_process_without_descriptors_knows_its_codecs() -> None:
    program = WITHOUT_DESCRIPTORS.format(names=KNOWN)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("known\n", "")
