"""How much accuracy quantization costs a model that reasons: predicted from what is reported, with an interval.

cases           a row or a question as what matters for the loss; the evidence
kernel          a Gaussian process whose kernel knows bits, methods, models, benchmarks
forest          trees in which fewer bits never help
model           both together, and how far off they are on settings they have not seen
hull            what lies outside the evidence, and by how much; the nearest evidence
simple          baselines to beat
evaluate        nested grouped cross-validation
report          the figures as Markdown
"""
