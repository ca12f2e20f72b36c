"""The API of the nouns: each file a resource."""
