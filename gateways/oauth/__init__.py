"""The door to the OAuth2 server: who may get a token, what for, and whose token a request brings.

`oauth2_provider` is named in this package and in `gateways.models.client`, and nowhere else.
"""
