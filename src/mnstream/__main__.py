"""``python -m mnstream``."""

from mnstream.adapters.cli.main import main

if __name__ == "__main__":
    main()
