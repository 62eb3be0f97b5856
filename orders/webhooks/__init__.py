"""Telling clients by HTTP: webhooks made and rotated, deliveries collected, posted and signed.

Comes in: order events as the stream tells them. Goes out: signed posts, in their order, one at a time for
each webhook, with growing pauses after a failure; the log of every attempt.

Never: no transaction is open while a post is under way, and no URL of a client leads into our own network.
"""
