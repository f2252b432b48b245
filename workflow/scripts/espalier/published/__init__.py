"""The published studies."""
