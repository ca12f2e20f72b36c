"""The API of the data plane: each file a resource."""
