from ingest.vendors.base import *
class Solis(VendorAdapter):
    slug="solis"; label="Solis"
