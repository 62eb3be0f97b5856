"""The views of the API, one class per resource: parse, authorise, call a service or a selector."""
