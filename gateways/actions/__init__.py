"""What is done to the nouns, by verbs. Every action is one transaction that writes the change and its Event.

An action takes the lock of its partner and reads the row again before it decides, so what is done to a partner happens
one after the other; the instance that was passed in is up to date afterwards. An action that cannot be done raises
ValidationError, which says what to do instead.
"""

from gateways.actions.keys import activate_key, ban_key, make_key_global, rotate_key
from gateways.actions.life import (
    activate_gateway,
    bind_wallet,
    change_gateway_type,
    create_gateway,
    create_gateway_type,
    learn_owner,
    locate_gateway,
    own_gateway,
    register_gateway,
    release_gateway,
    rename_gateway,
    resume_gateway,
    suspend_gateway,
)

__all__ = [
    "activate_gateway",
    "activate_key",
    "ban_key",
    "bind_wallet",
    "change_gateway_type",
    "create_gateway",
    "create_gateway_type",
    "learn_owner",
    "locate_gateway",
    "make_key_global",
    "own_gateway",
    "register_gateway",
    "release_gateway",
    "rename_gateway",
    "resume_gateway",
    "rotate_key",
    "suspend_gateway",
]
