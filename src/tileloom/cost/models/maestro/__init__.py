"""MAESTRO's cost model: layers scheduled by directives, evaluated level by level.

Faithful mode gives the original's numbers, quirks included; corrected mode fixes them. docs/maestro.md lists both.
"""
