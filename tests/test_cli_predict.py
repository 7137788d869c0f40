"""`kb predict` as a person calls it: answers, refusals, tables with errors in them, the cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kb.cli import main
from kb.errors import EXIT_DATA, EXIT_OK, EXIT_PARTIAL, EXIT_USAGE
from tests.link.quantized import BENCHMARKS, METHODS, MODELS, world
from tests.reported import line, write_rows, write_words

pytest.importorskip("sklearn")

Kb = Callable[..., tuple[int, str, str]]
QUESTION = (
    "--model-size",
    "7",
    "--weight-bits",
    "4",
    "--method",
    "careful",
    "--benchmark",
    "Quiz",
    "--baseline",
    "80",
)
COLUMNS = "paper_arxiv_id,model,method,weight_bits,act_bits,kv_bits,benchmark,metric,score,baseline_score"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A knowledge base in which three sources report of an invented world."""
    root = tmp_path_factory.mktemp("base")
    (root / "kb.toml").write_text("")
    models = [
        f"- {{name: {n}, aliases: [lab/{n}], family: {f}, origin: distilled, size_b: {s:g}}}"
        for n, f, s in MODELS
    ]
    methods = [f"- {{name: {n}, title: {n}, family: {f}, kind: post_training}}" for n, f, _ in METHODS]
    methods += ["- {name: none, title: none, aliases: [BF16], family: none, kind: none}"]
    methods += ["- {name: shorter, title: shorter, family: other, kind: other}"]
    benchmarks = [
        f"- {{name: {n}, kind: {k}, difficulty: {d:g}, items: {i:g}}}" for n, k, d, i, _ in BENCHMARKS
    ]
    sources = [f"- {{id: {s}, kind: repository, title: {s}}}" for s in ("one", "two", "three")]
    words = {"models": models, "methods": methods, "benchmarks": benchmarks, "sources": sources}
    write_words(
        root / "results", **{kind: "\n".join([f"{kind}:", *rows, ""]) for kind, rows in words.items()}
    )
    for source in ("one", "two", "three"):
        rows = [
            line(
                one.case.method,
                one.case.bits,
                one.case.benchmark,
                one.score,
                one.case.baseline,
                model=one.case.model,
            )
            for one in world()
            if one.case.source == source
        ]
        write_rows(root / "results", source, *rows)
    return root


@pytest.fixture
def kb(base: Path, capsys: pytest.CaptureFixture[str]) -> Kb:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(["--root", str(base), "predict", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def table(tmp_path: Path, *rows: str, columns: str = COLUMNS) -> str:
    path = tmp_path / "questions.csv"
    path.write_text("\n".join([columns, *rows, ""]))
    return str(path)


def test_an_answer_has_a_score_intervals_and_evidence(kb: Kb) -> None:
    """The loss is score minus baseline, intervals hold the score, and evidence names its row."""
    code, out, _ = kb(*QUESTION, "--json")
    found = json.loads(out)
    assert code == EXIT_OK
    assert found["predicted"] - 80 == pytest.approx(found["drop"], abs=0.011)
    assert -30 < found["drop"] < 0
    for level in ("interval_80", "interval_95"):
        assert 0 <= found[level][0] <= found["predicted"] <= found[level][1] <= 100
    assert found["extrapolates"] == []
    first = found["nearest"][0]
    assert (first["setting"], first["benchmark"]) == ("careful w4a16kv16", "Quiz")
    assert first["ref"].startswith(f"{first['source']}/{first['model']}/careful/w4a16kv16")


def test_the_text_says_the_same(kb: Kb) -> None:
    code, out, _ = kb(*QUESTION)
    found = json.loads(kb(*QUESTION, "--json")[1])
    assert code == EXIT_OK
    assert f"{found['predicted']:.1f} %" in out
    assert "nearest evidence:" in out


def test_the_same_question_twice_gets_the_same_bytes(kb: Kb, base: Path) -> None:
    """With the cache, without it, and with one that is broken."""
    cache = base / ".kb" / "cache" / "predict.json"
    first = kb(*QUESTION, "--json")
    assert cache.exists()
    assert kb(*QUESTION, "--json") == first
    cache.write_text('{"key": 1')
    assert kb(*QUESTION, "--json") == first
    cache.unlink()
    assert kb(*QUESTION, "--json") == first


def test_beyond_the_evidence_there_is_no_number_unless_asked_for(kb: Kb) -> None:
    """Exit code 7 and what lies outside by how much; with --extrapolate a number and a wider interval."""
    beyond = [*QUESTION[:3], "2", *QUESTION[4:]]
    code, out, _ = kb(*beyond, "--json")
    refused = json.loads(out)
    assert code == EXIT_PARTIAL
    assert refused["refused"] is True
    assert refused["predicted"] is None
    assert refused["interval_80"] is None
    assert [(each["input"], each["by"]) for each in refused["extrapolates"]] == [("weight_bits", 1.0)]
    assert "weight_bits 2 is 1 below the fewest reported of careful (3)" in kb(*beyond)[1]

    code, out, _ = kb(*beyond, "--extrapolate", "--json")
    found, inside = json.loads(out), json.loads(kb(*QUESTION, "--json")[1])
    assert code == EXIT_OK
    assert found["extrapolates"] == refused["extrapolates"]
    assert found["predicted"] < inside["predicted"]
    assert _width(found) > _width(inside)


@pytest.mark.parametrize(
    ("words", "inputs"),
    [
        (("--model-size", "500"), {"model_size"}),
        (("--method", "wizardry"), {"method"}),
        (("--benchmark", "Riddles"), {"benchmark"}),
        (("--kv-bits", "4"), {"bits"}),
        (("--baseline", "100"), {"baseline"}),
    ],
)
def test_each_input_may_lie_outside(kb: Kb, words: tuple[str, str], inputs: set[str]) -> None:
    code, out, _ = kb(*QUESTION, *words, "--json")
    assert code == EXIT_PARTIAL
    assert {each["input"] for each in json.loads(out)["extrapolates"]} == inputs


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--benchmark", "Quiz"), "--method is missing"),
        (("--method", "careful"), "--benchmark is missing"),
        (("--method", "careful", "--benchmark", "Quiz"), "no model and no size is given"),
        (("--method", "careful", "--benchmark", "Quiz", "--model-size", "7"), "there is no baseline"),
        ((*QUESTION, "--baseline", "180"), "180 is no accuracy in percent"),
        ((*QUESTION, "--model-size", "nan"), "is no size"),
        ((*QUESTION, "--model", "Ox-32B"), "7 billion is not the size of Ox-32B"),
        ((*QUESTION, "--method", "shorter"), "shorter does not quantize"),
        ((*QUESTION, "--evaluate"), "--evaluate sums up a table"),
    ],
)
def test_a_question_that_cannot_be_understood(kb: Kb, words: tuple[str, ...], message: str) -> None:
    """One line that says what is wrong and what to do."""
    code, _, err = kb(*words)
    assert code == EXIT_USAGE
    assert message in err
    assert "fix:" in err
    assert len(err.strip().splitlines()) == 1


def test_a_baseline_that_is_reported_need_not_be_given(kb: Kb) -> None:
    """It is used, and said."""
    code, out, _ = kb(
        "--model", "lab/Ox-7B", "--method", "careful", "--weight-bits", "4", "--benchmark", "Quiz", "--json"
    )
    found = json.loads(out)
    assert code == EXIT_OK
    assert found["notes"] == [f"baseline {found['baseline']:g}, as reported of Ox-7B on Quiz"]


def test_a_score_in_the_table_never_leaks(kb: Kb, tmp_path: Path) -> None:
    """Rows with a right score, an absurd one, none, and no such column get the same prediction."""
    head = "one,Ox-7B,careful,3.59avg,,,Quiz,accuracy_pct"
    told = [
        kb("--rows", table(tmp_path, f"{head},{score},80"), "--json")[1] for score in ("70", "3", "", "NaN")
    ]
    columns = COLUMNS.replace("score,baseline", "baseline")
    told.append(kb("--rows", table(tmp_path, f"{head},80", columns=columns), "--json")[1])
    assert len(set(told)) == 1
    assert json.loads(told[0])["setting"] == "careful w3.59a16kv16"


def test_a_bad_row_costs_only_itself(kb: Kb, tmp_path: Path) -> None:
    """One line each with file, line and column; the others are answered, in order; exit code 7."""
    file = table(
        tmp_path,
        "one,Ox-7B,careful,4,16,16,Quiz,accuracy_pct,70,80",
        "one,Ox-7B,careful,NaN,16,16,Quiz,accuracy_pct,70,80",
        "one,Ox-7B,careful,4,16,16,Quiz,accuracy_pct,70,nan",
        "one,Ox-7B,careful,4,16,16,Riddles,accuracy_pct,70,",
        "one,Ox-7B,,4,16,16,Quiz,accuracy_pct,70,80",
        "one,Mystery,careful,4,16,16,Quiz,accuracy_pct,70,80",
        "one,Ox-7B,careful,4,16,16,Quiz,latency_ms,70,80",
        "one,Ox-7B,careful,4",
        "one,Ox-7B,BF16,16,16,16,Quiz,accuracy_pct,80,80",
        "nobody,Lynx-9B-Instruct,careful-g128,4,16,16,Quiz,accuracy_pct,,80",
    )
    code, out, err = kb("--rows", file, "--json")
    rows = [json.loads(each) for each in out.splitlines()]
    assert code == EXIT_PARTIAL
    assert [row["index"] for row in rows] == list(range(10))
    assert [row["index"] for row in rows if row["predicted"] is None] == [1, 2, 3, 4, 5, 6, 7]
    for row, column in zip(
        rows[1:7],
        ("weight_bits", "baseline_score", "baseline_score", "method", "model", "metric"),
        strict=True,
    ):
        assert f"questions.csv:{row['line']}: {column}: " in row["error"]
        assert row["error"] in err
    assert (rows[8]["drop"], rows[8]["predicted"]) == (0, 80)
    assert rows[9]["setting"].startswith("careful [careful-g128]")
    assert [each["input"] for each in rows[9]["extrapolates"]] == ["model"]


def test_a_table_without_a_needed_column_is_refused(kb: Kb, tmp_path: Path) -> None:
    code, _, err = kb("--rows", table(tmp_path, "Ox-7B,4", columns="model,weight_bits"))
    assert code == EXIT_DATA
    assert "method: the column is missing" in err


def test_errors_are_summed_up(kb: Kb, tmp_path: Path) -> None:
    """--evaluate says how far off, beside no drop; and how many rows the model has learned from."""
    rows = [
        f"{o.case.source},{o.case.model},{o.case.method},{o.case.weight_bits:g},{o.case.act_bits:g},{o.case.kv_bits:g},"
        f"{o.case.benchmark},accuracy_pct,{o.score},{o.case.baseline}"
        for o in world()[:40]
    ]
    code, out, _ = kb("--rows", table(tmp_path, *rows), "--evaluate")
    assert code == EXIT_OK
    assert "40 rows with a score, 0 without" in out
    assert "predicted: mean absolute error" in out
    assert "no drop: mean absolute error" in out
    assert "40 of them are reported in results/" in out


def test_without_results_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kb.toml").write_text("")
    assert main(["--root", str(tmp_path), "predict", *QUESTION]) == EXIT_DATA
    assert "too few to learn from" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluate_writes_its_figures_where_they_are_shown(kb: Kb, base: Path) -> None:
    """benchmarks/predict.json, benchmarks/README.md and the page hold one set of figures; a second run changes no byte."""
    page = base / "site" / "docs" / "predict.md"
    page.parent.mkdir(parents=True)
    page.write_text("Before\n\n<!-- predict -->\n<!-- /predict -->\n\nAfter\n")
    code, out, _ = kb("evaluate", "--write")
    assert code == EXIT_OK
    numbers = base / "benchmarks" / "predict.json"
    written = [file.read_text() for file in (numbers, base / "benchmarks" / "README.md", page)]
    assert json.loads(written[0])["rows"] == len(world())
    assert out.strip() in written[1]
    assert out.strip() in written[2]
    assert written[2].startswith("Before")
    assert written[2].endswith("After\n")
    kb("evaluate", "--write")
    assert [file.read_text() for file in (numbers, base / "benchmarks" / "README.md", page)] == written


def _width(found: dict[str, list[float]]) -> float:
    return found["interval_95"][1] - found["interval_95"][0]
