"""How the Celery processes run: the commands without `celery` around them, and what keeps them steady.

In: a session's name or a queue. Out: a running worker. Never: what a task does (`orders.tasks`).
"""
