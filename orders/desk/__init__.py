"""What people do at the desk: actions once per key, decisions about held orders, baskets and bulk cancels.

Comes in: a person, a key, a reason. Goes out: the action and its outcome, kept in one transaction with its
effect; jobs whose rows say what is done.

Never: no way of its own into the books: an order goes through `entry`, an execution through `booking`.
A killed worker repeats no row, and the same key does nothing twice.
"""
