"""Stand-ins of SEN and of every vendor cloud, a server process of its own: `python -m sandbox`.

Nothing here imports anything of the portal, and nothing of the portal imports this: what the two agree on is the
protocols alone.
"""
