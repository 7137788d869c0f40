"""How far off `kb predict` is on reported figures that it has not seen, beside simple ways to predict.

    python benchmarks/predict.py

Nested grouped cross-validation on results/, leaving out configurations, sources and models. Writes
benchmarks/predict.json and the tables in benchmarks/README.md and site/docs/predict.md. The same as
`kb predict evaluate --write`. Some minutes on one core.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from kb.cli import main

if __name__ == "__main__":
    if find_spec("sklearn") is None:
        sys.stdout.write('skipped: scikit-learn is not installed (the extra "predict")\n')
    else:
        raise SystemExit(main(["--root", str(Path(__file__).parents[1]), "predict", "evaluate", "--write"]))
