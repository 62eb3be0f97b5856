"""What a real gateway says, byte for byte: errors, notices, spellings of times and numbers.

Comes in: a cause, a moment, a number, or a client's text of one. Goes out: a `Refusal` (code and text), a
moment, or the number as the protocol prints it.
Must never do: decide whether something is refused, or know of an order, an account or a client. Trading
desks match these texts by their wording, so none is changed for style.
"""
