"""Worklists: one dialect a file, one protocol for all."""
