"""What a person does to a session of the broker, and what is told of gateways that nobody is logged in to.

Comes in: pause, resume, a wish to compare, a restart by the gateway's controller. Goes out: the session's
trading state, a task of comparison, the controller's answer, alerts before and while a login is missing.

Never: nothing here speaks to a gateway's trading port, only to its controller; a restart changes no order.
"""
