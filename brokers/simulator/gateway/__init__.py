"""What a gateway does between its clients and the exchange. Sans-I/O: messages in, messages out.

Comes in: a decoded request of one client (`gateway.Gateway.handle`), the passing of time (`pass_time`), and
what the exchange reports about orders. Goes out: messages in the outboxes of the links, and facts for the
journal.
Must never do: open a socket or a file, read the clock of the machine (it is given one), or change what it
remembers other than by a fact.

The rooms, each of which imports only from those below it (import-linter holds that):

    gateway.py, timetable.py   who answers which request; what is due by the clock
    orders/, quotes/           orders from placeOrder to their end; market data as it happens
    accounts/, history/        positions, values, margin, advisors; the tape and the bars of the past
    reference/                 which instrument a contract means, and what is known about it
    clients/                   a client's connection, its login, its pace; the gateway's own link to IB
    memory/                    what is remembered, and the facts that change it
    texts/                     what a real gateway says, byte for byte: errors, notices, times, numbers
"""
