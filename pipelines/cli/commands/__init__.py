"""The subcommands of `recoup-warehouse`, grouped by what they do; the frame around them is pipelines/cli/main.py.

Modules here import only click and light parts at the top; the rest inside the commands, so that help is quick.
"""
