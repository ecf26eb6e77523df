from typing import Any

from facezoo import (
    Range as Range,
    Recipe as Recipe,
    Schedule as Schedule,
    Space as Space,
    get_recipe as get_recipe,
    get_space as get_space,
    list_recipes as list_recipes,
)

def __getattr__(name: str) -> Any: ...
