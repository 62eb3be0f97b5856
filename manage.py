#!/usr/bin/env python
"""Command line entry point of Tradedesk: every process of the system is started from here."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    # What a long-running command says must be there at once, also in a file or a pipe.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"A setting is wrong. {error}")
    except Exception as error:
        from brokers.postgres import database

        if "--traceback" in sys.argv or not database.is_away(error):
            raise
        sys.exit(f"The database at {database.place()} cannot be reached or used now: {error}")
