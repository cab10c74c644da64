"""Who looks at what models draw and write: chat models, models of the registry, people; and how often they err."""
