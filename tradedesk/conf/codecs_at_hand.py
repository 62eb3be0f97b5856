"""Codecs that every process knows from its start.

Python looks for a codec when it is first needed, and does not look again: one that is first needed while no
descriptor is free is unknown for as long as the process lives. A web process then answered every refused
request with a broken connection, since Django escapes what it logs of one.
"""

from __future__ import annotations

import codecs

#: What Django logs of a refused request, names of hosts, headers, files of a spreadsheet.
KNOWN = ("unicode_escape", "idna", "latin-1", "ascii", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig")

for _name in KNOWN:
    codecs.lookup(_name)
