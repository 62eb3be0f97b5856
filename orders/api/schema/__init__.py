"""The OpenAPI description: what it says of each operation, body and answer. It only describes.

In: the views and the shapes of answers. Out: `GET /api/v1/schema`. Never: parsing (`orders.api.bodies`) or
writing answers (`orders.api.resources`).
"""
