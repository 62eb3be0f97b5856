"""The HTTP API: parses, authorises for the token's accounts, calls a room, shows the result.

Comes in: requests with a token. Goes out: JSON documents, and errors as RFC 9457 problems with a code.

Never: no rule of trading is decided here, and nothing is written but through the rooms below.
"""
