"""Contains one module per step of a drill."""
