"""Distances between the laws of two samples."""
