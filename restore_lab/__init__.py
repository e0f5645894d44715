"""Restore the latest backup of a medical practice on a throwaway machine, question it, sign what was seen."""

__version__ = "0.1.0"
