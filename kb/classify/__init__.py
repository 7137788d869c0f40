"""Sorting papers: what a title and an abstract say about branch, stage, scope and relevance.

    text      what is read of a paper: normal words, n-grams of stems, the language
    cues      phrases that an expert would look for, named in taxonomy.yaml
    embed     sentence embeddings behind a protocol, kept by content
    table     papers as numbers, and how alike two are: in words, in cues, in meaning
    ridge     a kernel machine with exact leave-one-out predictions, and calibration
    data      labelled papers from the files that `kb classify train --data` reads
    heads     a machine for each question: direction, branch, stage, scope, relevance
    training  all heads over one table of labelled papers
    model     the classifier: the probabilities of all heads and views as one
    answer    from probabilities to a proposal or an abstention
    explain   evidence: words of the text, papers that read alike
    predict   what is said of one paper
    cache     bytes on disk by key, for what can be worked out again
    remember  predictions kept, each by everything that decides it
    saved     a classifier as two files
    moved     the classifier after the taxonomy changed
    learn     the same heads with a person's corrections, and what they changed
    queue     which corrections would teach most
    evaluate  nested cross-validation, baselines, calibration
    screening recall first: how much reading a ranking saves
    simulate  how many decisions the queue's order saves
    report    every figure, and the Markdown that shows them

NumPy is all it needs; a sentence-transformers model makes it better. Nothing here knows records' files.
"""
