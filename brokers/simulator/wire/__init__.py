"""The TWS wire protocol: bytes <-> records, by server version. No I/O, no knowledge of orders' lives."""
