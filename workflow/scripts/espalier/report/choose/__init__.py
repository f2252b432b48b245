"""The page on which a reader chooses a net of a run, and the numbers that it is made of.

data.py     what is known of each net, as JSON: `results.json`, and inside the page
page.py     the page: `choose.html`, which needs nothing from elsewhere
*.css, *.js its style and its scripts: chart, table, panel, another run beside this one, and what ties them together
"""
