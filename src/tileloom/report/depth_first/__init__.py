"""The page of a depth-first study: heat maps, trade-offs, accesses, memories and tables in one offline HTML file."""
