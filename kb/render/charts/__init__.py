"""Pictures of the survey as SVG, made from values alone.

    svg        elements and how they are written
    scale      from values to places, and where ticks stand
    style      colours and shapes
    axes       frames of panels
    marks      what stands in them: points, intervals, bars, lines
    chart      a chart: panels, key, table; as part of a page and as a file
    tree, timeline, drops, sizes, memory, progress   one kind of picture each: from what is known to a chart
    pictures   all of them, by name

Why not a library? A picture has to be there without JavaScript, take the page's colours in light and dark, lead from each
point to its page, and be the same as a file for a paper. Vega and Plotly draw in the browser only (and Vega's expressions
want a policy that allows `eval`, or an interpreter beside it); D3 and Observable Plot are how to draw and still need a
browser or Node in `kb build`; Altair's way to a file brings a JavaScript engine of 60 MB; matplotlib, which the harness uses
for its own figures, draws letters and places but no links, classes or names that a screen reader or a style sheet could
use, and is no dependency of a site. What is drawn here is dots, bars, lines and letters: a few hundred lines.
"""
