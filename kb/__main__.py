"""Lets `python -m kb` stand in for the `kb` command."""

from kb.cli import run

if __name__ == "__main__":
    run()
