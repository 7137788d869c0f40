"""What the evidence says: claims held against reported results and runs.

evidence        what was measured, by a source or by us, in one form
cells           one setting against another on the same model and items: an effect and its variance
match           which cells speak to a claim, and why the others do not
effects         many cells as one estimate
verdict         what follows for the claim
moderators      where an effect differs: by size, origin, task, bits
"""
