"""`manage.py doctor`: looks at a deployment as it is and says what is wrong, and what to do about it.

Comes in: settings, the database, Redis and what the broker workers last wrote. Goes out: findings, one for
each thing that was looked at. It changes nothing, and asks no gateway: a second client would be one too many.
"""
