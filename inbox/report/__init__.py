"""The annual report of a strategic plan: one content, one module for each format it is written in."""
