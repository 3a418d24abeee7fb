"""A process, or one case of it, as a picture.

`process` makes one graph of a compiled definition and `case` marks on it where a case has been;
`layout` and `routes` place it; `mermaid`, `svg` and `bpmn` write it. The same file gives the same bytes.
"""
