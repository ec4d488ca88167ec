"""The hub that DTUs dial in to."""
