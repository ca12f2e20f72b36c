from ingest.vendors.base import *
class SolarEdge(VendorAdapter):
    slug="solaredge"; label="SolarEdge"
