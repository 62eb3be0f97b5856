"""Backup and restore of the database: `manage.py backup DIR`, `manage.py restore DIR`.

A backup is a folder: what pg_dump wrote, and a manifest that says what it must be. It is made beside and
renamed when complete; a restore is made beside too, and takes the database's name when it is whole. No
database that was in use is ever dropped. Everything here needs the login that owns the tables.
"""
