"""kb: a living survey of efficient reasoning in language models that checks its own claims."""

__version__ = "0.1.0"
