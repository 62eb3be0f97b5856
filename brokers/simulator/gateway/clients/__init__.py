"""A client's connection as the gateway sees it, from login to end, and the gateway's own link to IB.

Comes in: login requests, the count of messages a second, the loss and return of IB. Goes out: what a client
is sent first, messages in `Link.outbox`, and the word whether a request may be read, must wait or is
refused.
Must never do: touch a socket (`brokers.simulator.connection` does), or know what an order or a quote means.
"""
