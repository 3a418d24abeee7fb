"""`python -m inbox`."""

from inbox.main import main

if __name__ == "__main__":
    main()
