"""REST v10: routes, one module per resource, and the pipeline that every request goes through."""
