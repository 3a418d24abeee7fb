"""One module a noun; each function is one command."""
