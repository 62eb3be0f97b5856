"""`manage.py bench path`: which functions and files of product code an order passes on each leg of its way.

The processes of a whole system run under a profiler of Python's own (`sys.setprofile`). What comes in: the
calls that each process wrote down. What goes out: functions, files and calls of each leg. Nothing here names
a module of the product: legs begin and end at HTTP, SQL, the socket to the gateway and the library's
callbacks, so code may move without a change here.
"""
