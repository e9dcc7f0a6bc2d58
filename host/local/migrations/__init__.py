"""Alembic's folder: one module of `versions` for each step from version 1's tables to those of `host.local.schema`."""
