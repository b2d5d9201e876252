"""Adapters to frameworks that people already use, each an optional extra."""
