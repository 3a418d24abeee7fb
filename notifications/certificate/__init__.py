"""The certificate of diffusion: what is certified, its signature, its page, and how it is checked.

`document` says what happened, without a name or an address; `signing` seals it; `page` shows it to a
person; `checking` tells whether a file still is what was sealed, and what is not. The format is
described in `docs/certificate.md`, so that anybody can check without this code.
"""
