"""The local stack: embedded servers from wheels, the command lines of all processes and their supervision.

`make up`, `make demo` and the tests use it. Production runs the same command lines under its own
supervisor and with its own servers; nothing outside this package knows that it exists.
"""
