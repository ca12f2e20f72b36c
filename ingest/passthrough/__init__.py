"""Questions passed on to vendors while the caller waits: nothing of the answers is kept.

`headers` says what the caller brought, `accounts` which accounts that opens, `fanout` asks several at once, `listing`
and `single` put together what they say.
"""
