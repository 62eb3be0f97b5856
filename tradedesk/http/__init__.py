"""What every HTTP request passes before its view: its name, its body within its time, whose turn it is.

In: the bytes of a client. Out: a request with a whole body, or an answer that says why not. Never: business.
"""
