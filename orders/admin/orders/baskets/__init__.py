"""Baskets: a file of orders, read cell by cell, shown with its errors, mended in place, sent once.

Comes in: CSV or XLSX of a person. Goes out: every row as an order or as an error that names its cell; a job
that sends what is good.

Never: nothing is guessed of what a spreadsheet has spoilt, it is said; no file is kept or believed beyond
its bounds.
"""
