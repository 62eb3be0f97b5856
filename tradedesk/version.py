"""The version of this program, as backups and the doctor name it (pyproject.toml, held equal by a test)."""

VERSION = "0.1.0"
