"""What people decide about the books: breaks, splits, moves between strategies, orders of lost history.

Comes in: a break with the cause that a person found, documents to it, a split or a transfer, an order that
only the broker knew. Goes out: the break resolved with its value and due time, the books put right by
`orders.reconciliation`, or an approval that waits.

Never: no execution of the broker is changed or deleted; above the firm's value one person alone puts nothing
right.
"""
