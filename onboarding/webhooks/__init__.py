"""Webhooks: events are delivered to partners' own addresses, signed, in order, none left out.

`endpoints` has what people and clients do to a webhook, `deliveries` what it is sent next and what came of that,
`sending` the worker's round, `posting` the one request, `addresses` where that may go, `signing` what proves it ours.
The format is described for partners in docs/webhooks.md.
"""
