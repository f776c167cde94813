"""Trials' folders at a URL: what one process of a sweep makes durable there, any other goes on from.

The ledger stays in the sweep's folder, where it can be locked and renamed. An object here is written once and never over:
what is believed is a manifest, written last, that names each object with its size and its SHA-256.
"""
