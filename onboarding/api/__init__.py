"""The API of what brings homeowners in, and of what they agreed to: each file a resource."""
