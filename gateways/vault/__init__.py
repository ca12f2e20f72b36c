"""The vault's door: the only place where private keys and vendor secrets are plain.

Outside it a private key is a URI and a secret is sealed text. `cryptography` is imported nowhere else but here.
"""

from gateways.vault.keyring import VaultError, reseal, seal, unseal
from gateways.vault.master_keys import check_master_keys
from gateways.vault.public_keys import parse_public_key, parse_signature, verify, verify_ed25519
from gateways.vault.signers import Signer, create_key, signer_for

__all__ = [
    "Signer",
    "VaultError",
    "check_master_keys",
    "create_key",
    "parse_public_key",
    "parse_signature",
    "reseal",
    "seal",
    "signer_for",
    "unseal",
    "verify",
    "verify_ed25519",
]
