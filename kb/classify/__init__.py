"""Sorting papers: what a title and an abstract say about branch, stage, scope and relevance.

    text      what is read of a paper: normal words, n-grams, the language
    embed     sentence embeddings behind a protocol, cached by content
    ridge     a kernel machine with exact leave-one-out predictions, and calibration
    data      labelled papers from the files that `kb classify train --data` reads
    model     the classifier: heads for direction, branches, stage, scope and relevance
    predict   what it says of one paper: probabilities, abstention, evidence
    learn     the same heads with a person's corrections, and what they changed
    queue     which corrections would teach most
    evaluate  nested cross-validation, baselines, calibration
    screening recall first: how much reading a ranking saves

NumPy is all it needs; a sentence-transformers model makes it better. Nothing here knows records' files.
"""
