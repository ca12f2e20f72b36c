"""Known answers of sen.md 15 that concern who receives: keys, a data JWT, signatures."""

from __future__ import annotations

# The published P-256 test key, and the published pair that fits secp256k1 only.
K1_PRIVATE = "4cc43b88635b9eaf81655ed51e062fab4a46296d72f01fc6fd853b08f0c2383a"
K1 = (
    "3e70c4705ff5945bfea058aaa68128e6f7d54fd7e08c640f4791668f8267a6e8"
    "c36ee19214698f1956e948bf339492fb11e0dc5a79a76dd0c235b431ee5aa782"
)
K2 = (
    "07799794a4c69dbd809db46788b9ec501f32a87486385403c4e374871c67a655"
    "30862e7134e4570a0a138adaee4942a462acaf1297995a6b35707661c9257fb9"
)

# Made with K1 for the payload of sen.md 3.3.
K1_JWT = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImRldmljZSI6ImFjbWUtMDAwMDAwMDAwMDAwMDAwMSIsIm9wciI6InByb2R1Y3Rp"
    "b24iLCJtb2RlbCI6InN1bmdyb3ciLCJkdHlwZSI6Im1vZGJ1c19yZWdpc3RlcnMiLCJzbiI6IlNOMDAwMSJ9.eyIxNzUwODQwNDI"
    "wMzY5Ijp7IjUwMTYiOjI1MDAsIjUwMTciOjAsIjUwMzUiOjUwMCwiMTMwMjEiOjAsIjEzMDMzIjoyNDAwLCIxMzAzNCI6MH0sIjE"
    "3NTA4NDA0MzAzNjkiOnsiNTAxNiI6MjUxMCwiNTAxNyI6MCwiNTAzNSI6NTAwLCIxMzAyMSI6MCwiMTMwMzMiOjI0MTAsIjEzMDM"
    "0IjowfX0.O81mBPhinuozco8Pv9vbgIVsBDifxGUiH6lUTCmdiruO8g64iUo2B76qk8Sk-GlTQZdor6gw7lyKaf_wFglpyA"
)

# Keys that Sourceful's own tests publish with their signatures: of the EMS and of a gateway.
EMS = (
    "245bbc0a266ebfecc24983561f9cb37d5ff9844cb95669bdd8019ad5a00177f3"
    "61878a047e0d8c4c5cccd7c7529873ebfabd0a76f9cda60c0e4bd7e1b924a8ff"
)
ENTROPY_GATEWAY = (
    "2f5d41eacf701c18eb1bdae549ee0232ed2b9f3dd2b983ff7b68240bbba84f7b"
    "4903d0a52a1ab3d47e7155c5f3455fdbe7997bf85b2258fee6644e16b7e8e9be"
)

# (public key, message, signature r‖s)
SIGNATURES = [
    (
        EMS,
        "Sourceful-EMS:2025-02-21T18:53:48.352992",
        (
            "657909c419915146dc2736ffe406184ccce02bd1f70f933b80ce8d4bcb4ffd04"
            "09b4c4f929a4434b0f1a9bc95953e36ce979df9b306eed9c4e4e9c238403c802"
        ),
    ),
    (
        EMS,
        "Sourceful-EMS:2025-03-14T13:58:00.338870",
        (
            "2a69d5eecf7c1f564e1be1e8b15711b009a66d5b8448e9b32ead40e5e741ec56"
            "294034d18212c260a5285beffcc0fef00708807e96cd296b3d0b301ddea1a45c"
        ),
    ),
    (
        EMS,
        "Sourceful-EMS:2025-04-02T11:43:31.299377",
        (
            "1efcdf2e3936cfac43ca7d62d8ce342d8ea7780c2aa4426b55c1c47886b1214e"
            "fdf40331f831f1c9d0d21dfc27632736dbf5617a0c0142413b9f94a6b524bf8d"
        ),
    ),
    (
        ENTROPY_GATEWAY,
        "9380403298322624419f42ea576ac871844451731935173",
        (
            "91628a5e0db092ebb1b94b0049cf0403fa13baccf1590a9ae331679a4fb4b49b"
            "86db7417644cb70469f673bbf378f313a531f4892ee4b2a86f623accb8a5622a"
        ),
    ),
    (
        K1,
        "zap-000098b93c8481b0:2024-08-26T13:02:00",
        (
            "d5e37a97ac92618cb0ccf9e0921262230a22701dbf23fb6d1d1cbcbc82ca6e67"
            "f53844d8514119c781727efebc8ef66c4df1a445e0135dd0a0209228f78abcef"
        ),
    ),
    (
        K1,
        "123456|2025-03-27T12:00:00Z|zap-000098b93c8481b0",
        (
            "27f814ef916e6c8bd8cce48450ca949550d4aa8e35b4000937bd67184ca56b7c"
            "9f297379dcb08ed831b7db9f2bace223ec9af0bf3ee8d722f7bb03fba93233cb"
        ),
    ),
]
