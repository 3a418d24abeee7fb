"""From a YAML definition to a compiled one: `source` → `model` → `checks` → `compiled`."""
