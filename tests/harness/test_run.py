"""The run loop: every completion is scored and kept, a fault costs nothing that was done, baselines are what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kb.errors import KbError, RunStopped, UpstreamError, UsageError
from kb.harness.judge import answer_place, differs_at, result_of, tokens_before
from kb.harness.run import run
from kb.harness.runs import load_run
from kb.harness.spec import RunSpec, parse_spec
from kb.harness.types import Completion, ErrorKind, Sample, Score, Split
from tests.harness.fakes import FakeParts


def spec(**changes: Any) -> RunSpec:
    return parse_spec({"model": "m", "task": {"name": "chain", "steps": [2, 4]}, "n": 10, **changes})


def test_a_run_holds_every_sample_with_its_score(tmp_path: Path) -> None:
    """In the task's order, with what the answer cost and how sure the model was of it."""
    made = run(spec(), tmp_path, parts=FakeParts(engine={"wrong_every": 5}), commit={"revision": "c"})
    assert made == load_run(tmp_path / made.id)
    assert [sample.id for sample in made.samples] == [f"0-{index}" for index in range(10)]
    assert [sample.id for sample in made.samples if sample.score == 0] == ["0-0", "0-5"]
    first, second = made.samples[:2]
    assert first.error_kind is ErrorKind.CONCLUSION
    assert second.output is not None
    assert second.tokens == len(second.output) + 1
    assert second.reasoning_tokens == second.output.index("#") + 1
    assert second.answer_logprob == pytest.approx(-0.5)  # two digits
    assert second.logprob == pytest.approx(-0.25 * second.tokens)
    assert made.manifest["commit"] == {"revision": "c"}
    assert made.manifest["task"] == made.manifest["task"] | {
        "name": "chain",
        "version": "1",
        "n": 10,
        "seed": 0,
    }
    assert made.manifest["engine"]["name"] == "knows"
    assert made.manifest["measured"]["tokens"] == sum(sample.tokens for sample in made.samples)


def test_the_same_spec_gives_the_same_bytes(tmp_path: Path) -> None:
    """Results byte for byte; of the manifest, all but what was measured."""
    one = run(spec(), tmp_path / "one", parts=FakeParts())
    two = run(spec(), tmp_path / "two", parts=FakeParts())
    files = [tmp_path / which / one.id / "samples.jsonl" for which in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert {**one.manifest, "measured": None} == {**two.manifest, "measured": None}


@pytest.mark.parametrize(
    "fault",
    [UpstreamError("the server has gone"), RunStopped("numbers that are not finite"), KeyboardInterrupt()],
    ids=["server", "nan", "ctrl-c"],
)
def test_a_run_that_stops_goes_on_where_it_stopped(tmp_path: Path, fault: BaseException) -> None:
    """What was done is kept; the second half asks only for the rest; the end is that of an undisturbed run."""
    whole = run(spec(), tmp_path / "whole", parts=FakeParts())
    with pytest.raises(type(fault)):
        run(spec(), tmp_path, parts=FakeParts(engine={"stops_after": 6, "fault": fault}))
    half = load_run(tmp_path / whole.id)
    assert half.state == "running"
    assert len(half.samples) == 6
    parts = FakeParts()
    assert run(spec(), tmp_path, parts=parts).samples == whole.samples
    assert len(parts.engines[0].answered) == 4


def test_an_engine_is_closed_whatever_happens(tmp_path: Path) -> None:
    """A server or a GPU is given back."""
    parts = FakeParts(engine={"stops_after": 1})
    with pytest.raises(UpstreamError):
        run(spec(), tmp_path, parts=parts)
    assert parts.engines[0].closed


def test_a_complete_run_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    """Loading takes minutes; the refusal does not wait for it."""
    run(spec(), tmp_path, parts=FakeParts())
    parts = FakeParts()
    with pytest.raises(UsageError, match="is complete and is not overwritten"):
        run(spec(), tmp_path, parts=parts)
    assert parts.engines == []


def test_other_weights_under_the_same_name_do_not_go_on(tmp_path: Path) -> None:
    """Two halves of two models are no run."""
    with pytest.raises(UpstreamError):
        run(spec(), tmp_path, parts=FakeParts(engine={"stops_after": 3}))
    with pytest.raises(UsageError, match=r"model\.weight_hash"):
        run(spec(), tmp_path, parts=FakeParts(weight_hash="1" * 16))


def test_numbers_that_are_not_finite_stop_the_run(tmp_path: Path) -> None:
    """A broken model is not a model that is wrong."""
    with pytest.raises(RunStopped, match="not finite at sample 0-9"):
        run(spec(), tmp_path, parts=FakeParts(engine={"logprob": float("nan")}))


class OutOfMemoryError(RuntimeError):
    """torch's error of this name, as far as the loop knows it."""


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        OutOfMemoryError("CUDA"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
    ids=["host", "gpu", "torch on a processor"],
)
@pytest.mark.parametrize("when", ["loading", "generating"])
def test_no_memory_is_one_line_and_nothing_is_lost(tmp_path: Path, when: str, fault: Exception) -> None:
    """A smaller batch goes on in the same folder."""
    parts = (
        FakeParts(open_fault=fault)
        if when == "loading"
        else FakeParts(engine={"stops_after": 4, "fault": fault})
    )
    with pytest.raises(RunStopped, match="batch_size"):
        run(spec(), tmp_path, parts=parts)
    smaller = spec(engine={"name": "transformers", "batch_size": 1})
    assert len(run(smaller, tmp_path, parts=FakeParts()).samples) == 10


def test_what_was_found_out_before_a_stop_is_kept(tmp_path: Path) -> None:
    """Also where nothing is left to do: killed after the last line, before the manifest said so."""
    made = run(spec(quantizer="rtn"), tmp_path, parts=FakeParts())
    manifest = tmp_path / made.id / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(json.dumps(dict(made.manifest) | {"state": "running", "results": None}))
    run(spec(quantizer="rtn"), tmp_path, parts=FakeParts())
    assert manifest.read_text() == whole


def test_a_run_that_goes_on_elsewhere_says_so(tmp_path: Path) -> None:
    """Another processor may answer otherwise: the manifest names both, whatever was stopped how often."""
    for device in ("cpu A", "cpu B", "cpu B"):
        with pytest.raises(UpstreamError):
            run(spec(), tmp_path, parts=FakeParts(engine={"stops_after": 2, "device": device}))
    made = run(spec(), tmp_path, parts=FakeParts(engine={"device": "cpu C"}))
    engine = made.manifest["engine"]
    assert (engine["device"], engine["earlier"]) == ("cpu C", [{"device": "cpu A"}, {"device": "cpu B"}])
    alone = run(spec(seed=1), tmp_path, parts=FakeParts())
    assert "earlier" not in alone.manifest["engine"]


def test_a_disk_that_fills_up_costs_one_batch(tmp_path: Path) -> None:
    """One line, and the same spec goes on to the results of an undisturbed run."""
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from kb.errors import RunStopped\n"
        "from kb.harness.run import run\n"
        "from tests.harness.fakes import FakeParts\n"
        "from tests.harness.test_run import spec\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        "    run(spec(n=100), Path(sys.argv[1]), parts=FakeParts())\n"
        "except RunStopped as error:\n"
        "    print(error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "runs")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.startswith("cannot be written: "), done.stdout + done.stderr
    again = FakeParts()
    made = run(spec(n=100), tmp_path / "runs", parts=again)
    assert 0 < len(again.engines[0].answered) < 100
    assert made.samples == run(spec(n=100), tmp_path / "alone", parts=FakeParts()).samples


def test_another_fault_is_not_hidden(tmp_path: Path) -> None:
    """A bug stays a bug."""
    with pytest.raises(RuntimeError, match="shape"):
        run(spec(), tmp_path, parts=FakeParts(open_fault=RuntimeError("shape")))


def test_several_completions_of_a_prompt_are_kept_apart(tmp_path: Path) -> None:
    """k counts them."""
    made = run(spec(n=3, decoding={"temperature": 1.0, "samples_per_item": 2}), tmp_path, parts=FakeParts())
    assert [(sample.id, sample.k) for sample in made.samples[:3]] == [("0-0", 0), ("0-0", 1), ("0-1", 0)]


def test_outputs_can_be_left_out(tmp_path: Path) -> None:
    """Their hash stays, so that two runs can still be held against each other."""
    kept = run(spec(), tmp_path, parts=FakeParts())
    left = run(spec(keep_outputs=False), tmp_path, parts=FakeParts())
    assert {sample.output for sample in left.samples} == {None}
    assert [s.output_hash for s in left.samples] == [s.output_hash for s in kept.samples]


def test_divergence_is_measured_where_something_was_quantized(tmp_path: Path) -> None:
    """Full precision has none from itself."""
    quantized = run(spec(kl=True, quantizer="rtn"), tmp_path, parts=FakeParts())
    assert all(sample.kl is not None and sample.kl > 0 for sample in quantized.samples)
    assert {sample.kl for sample in run(spec(kl=True), tmp_path, parts=FakeParts()).samples} == {None}


def test_a_quantizer_gets_texts_that_are_not_evaluated(tmp_path: Path) -> None:
    """From the calibration split, by the spec's template, and the manifest says which."""
    parts = FakeParts()
    made = run(
        spec(quantizer="gptq", calibration={"n": 40, "seed": 3}, template="Q: {prompt}\n"),
        tmp_path,
        parts=parts,
    )
    text = parts.seen[0]
    assert text is not None
    assert len(text.pairs) == 40
    assert all(prompt.startswith("Q: ") and "#" in solution for prompt, solution in text.pairs)
    evaluated = {sample.prompt for sample in parts.task(made.spec["task"]).samples(10, 0, Split.EVAL)}
    assert not evaluated & {prompt[3:-1] for prompt, _ in text.pairs}
    assert made.manifest["calibration"]["source"] == "chain 1, calibration split, seed 3, n 40"
    assert made.manifest["calibration"]["n"] == 40


def test_calibration_on_what_is_evaluated_is_refused(tmp_path: Path) -> None:
    """A task without splits offers the same texts for both."""
    with pytest.raises(UsageError, match="calibration texts are evaluated"):
        run(spec(quantizer="gptq", task="once"), tmp_path, parts=FakeParts())


def test_a_data_set_that_calibrates_on_its_own_questions_is_refused(tmp_path: Path) -> None:
    """Also where another task, or another file, holds them; a file of other questions is taken."""
    files = []
    for word in ("plus", "minus"):
        rows = [json.dumps({"question": f"What is {n} {word} 1?", "answer": str(n)}) for n in range(60)]
        files.append(tmp_path / f"{word}.jsonl")
        files[-1].write_text("\n".join(rows))
    reads = {"name": "dataset", "question": "question", "answer": "answer", "ask": "{question}"}

    def calibrated(on: Path, instead_of: Path) -> RunSpec:
        """Rows of one file calibrate; `plus` is evaluated."""
        source = {**reads, "path": str(instead_of), "calibration_path": str(on)}
        task = {**reads, "path": str(files[0])}
        return spec(quantizer="gptq", task=task, n=60, calibration={"n": 3, "task": source})

    with pytest.raises(UsageError, match="3 of 3 calibration texts are evaluated, too") as caught:
        run(calibrated(files[0], files[1]), tmp_path, parts=FakeParts())
    assert "\n" not in str(caught.value)
    made = run(calibrated(files[1], files[0]), tmp_path, parts=FakeParts())
    assert made.manifest["calibration"]["n"] == 3


def test_a_baseline_without_outputs_is_refused(tmp_path: Path) -> None:
    """Its hashes say that outputs differ, not where: "differs nowhere" would be a lie."""
    bare = run(spec(keep_outputs=False, name="bare"), tmp_path, parts=FakeParts())
    with pytest.raises(UsageError, match=r"keeps only hashes .* \(fix: make it again") as caught:
        run(spec(quantizer="rtn", baseline=bare.id), tmp_path, parts=FakeParts())
    assert caught.value.field == "baseline"


def test_a_run_says_where_it_leaves_its_baseline(tmp_path: Path) -> None:
    """The first token that differs, sample by sample; nothing where outputs are the same."""
    full = run(spec(), tmp_path, parts=FakeParts())
    made = run(spec(quantizer="rtn", baseline=full.id), tmp_path, parts=FakeParts(engine={"wrong_every": 5}))
    for sample, other in zip(made.samples, full.samples, strict=True):
        assert other.output is not None
        assert sample.differs_at == (len(other.output) - 1 if sample.score == 0 else None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 1}, "has seed 0, this run 1"),
        ({"n": 20}, "has 10 samples, this run 20"),
        ({"task": {"name": "chain", "steps": [2]}}, "has task.steps"),
        ({"engine": "openai", "quantizer": "none"}, "has engine 'transformers', this run 'openai'"),
        ({"baseline": "nobody"}, "no run here: nobody"),
    ],
)
def test_a_baseline_that_did_something_else_is_refused(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    """Engines disagree under greedy decoding: a comparison mixes neither engines nor samples."""
    full = run(spec(), tmp_path, parts=FakeParts())
    with pytest.raises(UsageError) as caught:
        run(spec(**{"quantizer": "rtn", "baseline": full.id, **change}), tmp_path, parts=FakeParts())
    assert says in str(caught.value)


@pytest.mark.parametrize("change", [{"quantizer": "rtn"}, {"kv": {"bits": 4}}])
def test_a_model_that_is_quantized_already_is_no_full_precision(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """It runs as it is; whoever quantizes it further says what it starts from, and then the manifest does, too."""
    parts = FakeParts(already_quantized="Q4_1")
    as_it_is = run(spec(), tmp_path, parts=parts)
    assert as_it_is.manifest["model"]["already_quantized"] == "Q4_1"
    for wrong in (change, {**change, "starts_from": "Q8_0"}):
        with pytest.raises(UsageError, match="Q4_1"):
            run(spec(**wrong), tmp_path, parts=parts)
    made = run(spec(starts_from="Q4_1", **change), tmp_path, parts=parts)
    assert made.manifest["spec"]["starts_from"] == "Q4_1"
    # nor does a run of it become the baseline of one that does not say so
    with pytest.raises(UsageError, match="no full-precision baseline"):
        run(spec(baseline=as_it_is.id, quantizer="hqq"), tmp_path, parts=FakeParts())


def test_a_task_without_samples_is_refused(tmp_path: Path) -> None:
    """Also where the task itself finds none."""

    class Empty(FakeParts):
        def task(self, options: Any) -> Any:
            task = super().task({"name": "once"})
            task.samples = lambda n, seed, split=Split.EVAL: []
            return task

    with pytest.raises(UsageError, match="has no samples"):
        run(spec(), tmp_path, parts=Empty())


def test_a_disk_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Before anything is loaded."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(KbError, match="cannot be made"):
        run(spec(), tmp_path / "runs", parts=FakeParts())


# From completion to result


def completion(text: str, offsets: tuple[int, ...] = (), **more: Any) -> Completion:
    return Completion(text=text, tokens=len(offsets) or 10, finish="stop", offsets=offsets, **more)


def test_the_answer_is_the_last_place_that_reads_like_it() -> None:
    """Steps may hold the same number."""
    assert answer_place("b=46;#46", "46") == (6, 8)
    assert answer_place("The answer is B. Because ABBA", "B") == (14, 15)
    assert answer_place("b=#4;c=54;#54", "4") == (3, 4)
    assert answer_place("one half", "1/2") is None
    assert answer_place("", None) is None


def test_reasoning_ends_where_the_answer_begins() -> None:
    """Counted in tokens; by the share of characters where an engine gives no offsets."""
    assert tokens_before(completion("b=46;#46", (0, 2, 4, 6, 8)), 6) == 3
    assert tokens_before(completion("b=46;#46"), 4) == 5


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        ("abcd", "abcd", None),
        ("abcd", "abXd", 1),
        ("abcd", "Xbcd", 0),
        ("abcd", "abcdef", 2),  # the end token came too early
        ("abcd", "ab", 1),
    ],
)
def test_the_first_token_that_differs(mine: str, other: str, expected: int | None) -> None:
    """Two characters a token, and an end token."""
    assert differs_at(completion(mine, (0, 2, 4)), other) == expected


def test_an_output_that_differs_never_counts_as_the_same() -> None:
    """Also where an engine does not say where its tokens start: then the place is a guess."""
    assert differs_at(completion("abcdabcdab"), "abcdabcdab") is None
    assert differs_at(completion("abcdabcdab"), "abcdXbcdab") == 4
    assert differs_at(completion(""), "ab") == 0


def test_unscored_is_kept_as_unscored() -> None:
    """Nobody can say is not wrong."""
    kept = result_of(Sample("a", "q", "1"), 0, completion("?"), Score(None, None, "no verifier"))
    assert kept.score is None
    assert kept.reasoning_tokens == kept.tokens
    assert '"score": null' in kept.to_line()
