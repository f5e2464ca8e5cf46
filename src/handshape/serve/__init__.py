"""The live page and the HTTP API of one recogniser."""
