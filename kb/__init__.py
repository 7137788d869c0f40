"""kb: living surveys that check their own claims."""

__version__ = "0.1.0"
