"""The published copy for programs that ask in words: an MCP server over the semantic layer (extra `mcp`).

What a metric is belongs to sql/marts; what a stranger's SQL may do, to database/sandbox.py.
"""
