"""How the API answers, whatever the subject: scope, problems, pages, versions, limits, repeats.

A resource is a subclass of `views.Resource` in the `api` of its app; `config/api.py` mounts them all.
"""
