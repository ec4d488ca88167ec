"""The site: which meters hang on which port, behind which link; as checked by ``site_file``."""

from .site_file import SiteError, check_rates, load_site, parse_site
from .site_parts import FAULTS, BoxSite, LinkSite, MeterSite, PortSite, Site

__all__ = [
    "FAULTS",
    "BoxSite",
    "LinkSite",
    "MeterSite",
    "PortSite",
    "Site",
    "SiteError",
    "check_rates",
    "load_site",
    "parse_site",
]
